"""How DataFusion refuses arguments of the wrong type (datafusion/expr/src/type_coercion/functions.rs)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pe_kit.errors import QueryError
from pe_kit.store.conversion import debug_type
from pe_kit.store.sqlerrors import plan_error

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NUMBERS", "display_type", "no_arguments", "no_match"]

NUMBERS = ("Int64", "UInt64", "Float64")
_UNITS = {"Second": "s", "Millisecond": "ms", "Microsecond": "µs", "Nanosecond": "ns"}


def display_type(kind: pa.DataType) -> str:
    """Write an Arrow type as Rust's ``Display`` writes it; the simple ones, times and dictionaries."""
    import pyarrow.types as t

    text = debug_type(kind)
    if t.is_timestamp(kind) or t.is_duration(kind) or t.is_time(kind):
        for long, short in _UNITS.items():
            text = text.replace(long, short)
        return text.replace(", None", "").replace("Some(", "").replace("))", ")")
    return text


def no_arguments(name: str, candidates: str) -> QueryError:
    """Make the refusal of a call without arguments."""
    return plan_error(
        f"'{name}' does not support zero arguments No function matches the given name and argument types '{name}()'."
        f" You might need to add explicit type casts.\n\tCandidate functions:\n\t{name}({candidates})"
    )


def no_match(name: str, given: Sequence[pa.DataType | None], signatures: Sequence[Sequence[str]]) -> QueryError:
    """Make the refusal of arguments that fit no signature; types in ``signatures`` are in their ``Debug`` form.

    Of ``given`` None stands for a type that cannot be told.
    """
    shown = ", ".join(display_type(kind) for kind in given if kind is not None)
    exact = ", ".join(f"Exact([{', '.join(s)}])" for s in signatures)
    candidates = "".join(f"\n\t{name}({', '.join(s)})" for s in signatures)
    return plan_error(
        f"Failed to coerce arguments to satisfy a call to '{name}' function: coercion from {shown} to the signature"
        f" OneOf([{exact}]) failed No function matches the given name and argument types '{name}({shown})'. You might"
        f" need to add explicit type casts.\n\tCandidate functions:{candidates}"
    )

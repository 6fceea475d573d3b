"""The workshop: exercises of the lessons, the checker behind ``%%exercise``, and what a learner has done.

An exercise is a folder ``exercises/NN.M`` (lesson NN, part M). Nothing has to be registered::

    exercises/01.1/exercise.toml            what it is, see below
    exercises/01.1/fixtures/CHECK/          an ordinary fixture (docs/fixtures.md) for each check
    exercises/01.1/checks.py                only where a fixture cannot say it, see below

``exercise.toml``::

    title = "Warn when a city is hot"
    spec = "table:temperature"              # of the trigger `exercise`; left out: the scenario makes triggers
    database = "weather"                    # left out: "workshop"
    arguments = { limit = "75" }            # left out: none
    start = "2010-07-18T00:00:00Z"          # of the engine; left out: 2026-01-01
    tolerances = { "daily.mean" = 1e-9 }    # as in a fixture; a column with a tolerance may be an integer or a float

    [[check]]                               # in the order in which a learner meets them
    name = "exactly-the-limit"              # letters, digits and '-': the folder below fixtures/
    about = "A reading of exactly 75 °F: it is not above the limit."
    compare = ["writes"]                    # any of writes, warnings, logs, cache, responses; left out: writes
    hints = ["A first nudge.", "The next one, as good as the answer."]

What is compared: ``writes``, the lines that plugins wrote; ``warnings``, what the plugin logged as WARN or ERROR;
``logs``, all that it logged; ``cache``, its cache at the end; ``responses``, status, content type and body of each
response (JSON by its keys). An error that a plugin raises, and lines that are refused, always differ from an expected
run without. Make each check so that one typical mistake fails it, and it alone where that can be.

Beside the package, in the repository::

    workshop/solutions/01.1.py              the plugin that is right: what goes below the `%%exercise 01.1` line
    workshop/scenarios/01.1.py              a function of the engine for each check, `-` spelled `_`:
                                            def exactly_the_limit(engine): engine.write("temperature temp=75", "d")
    tests/workshop/wrong/01.1-WHAT.py       a typical wrong answer; its first line is `# fails: exactly-the-limit`
                                            (several names with commas, if it cannot be one)

``python workshop/make_exercises.py [NN.M ...]`` makes the fixtures anew: it lets the scenario fire the solution, as the
file ``plugin.py``, and freezes what came of it; in the fixture's copy of the plugin the solution is taken out. Other
plugins that a scenario writes with ``engine.write_plugin`` stay. A scenario may make triggers of its own, with the path
``plugin.py``. ``tests/workshop/test_exercises.py`` finds all of it by itself.

Where a fixture cannot say it (the cell is a test, a command, a function), leave the scenario out and write
``checks.py`` with a function for each check (``-`` spelled ``_``): it is given the cell's text and gives None, or a
text that says what is wrong. An exercise has either scenarios or ``checks.py``.

In a lesson the exercise is a code cell that begins with ``%%exercise NN.M`` and goes on with a skeleton that runs.
Text in backticks, in ``about`` and ``hints``, is shown as code.
"""

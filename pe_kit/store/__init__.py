"""The embedded database: catalog, tables, WAL buffer, SQL, caches."""

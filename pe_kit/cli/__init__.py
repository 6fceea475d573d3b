"""The command line, pe-kit."""

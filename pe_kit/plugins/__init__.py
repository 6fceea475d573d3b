"""Code that the engine can run: files, folders, repositories, packages."""

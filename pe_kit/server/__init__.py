"""The server's own HTTP and Flight face."""

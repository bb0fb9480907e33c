"""Answers every request with what it saw of it, and prints a line for each."""
import os


def app(environ, start_response):
    saw = environ["REQUEST_METHOD"] + " " + environ.get("RAW_URI", "")
    os.write(1, (saw + "\n").encode("latin-1"))  # one write: threads share the output
    size = 0
    while True:
        piece = environ["wsgi.input"].read(65536)
        if not piece:
            break
        size += len(piece)
    body = b"gunicorn\n"
    start_response("200 OK", [("Content-Length", str(len(body))), ("X-Saw", saw), ("X-Body", str(size))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

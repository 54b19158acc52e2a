"""An HTTP server of files in memory that behaves as badly as a test asks it to."""

import http.server
import re
import threading


class FileServer:
    """`files`: path → bytes. What it does is set on the object while it runs:

    ranges       answers Range requests with parts (206); otherwise always the whole file
    break_after  bytes of each answer after which the connection is cut, or None
    status       an answer for every request, such as 404, or None
    lie          bytes that Content-Length is too large by, with nothing sent
    length       says Content-Length at all

    `requests` lists (path, value of the Range header) of each request.
    """

    def __init__(self, files):
        self.files, self.requests = files, []
        self.ranges, self.break_after, self.status, self.lie, self.length = True, None, None, 0, True
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, handler):
        wanted = handler.headers.get("Range")
        self.requests.append((handler.path, wanted))
        data = self.files.get(handler.path)
        if self.status or data is None:
            handler.send_error(self.status or 404)
            return
        begin = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.ranges else 0
        if begin and begin >= len(data):
            handler.send_error(416)
            return
        handler.send_response(206 if begin else 200)
        if begin:
            handler.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        if self.length:
            handler.send_header("Content-Length", str(len(data) - begin + self.lie))
        handler.end_headers()
        body = data[begin:]
        try:
            handler.wfile.write(body if self.break_after is None else body[:self.break_after])
        except OSError:
            pass  # the client hung up
        handler.close_connection = True

from http.server import BaseHTTPRequestHandler, HTTPServer


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.wfile.write(b"hello")


HTTPServer(("", 8000), Hello).serve_forever()

"""A program that listens by itself, as Streamlit or Gradio do."""

import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

how = sys.argv[2] if len(sys.argv) > 2 else ""
if how == "exit":
    sys.exit("no licence")
if how == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if how == "detached":
    # A grandchild in a session of its own, which no process group reaches.
    code = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\ntime.sleep(600)"
    subprocess.Popen([sys.executable, "-c", code]).wait()
if how == "mute":
    time.sleep(600)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        text = " ".join([sys.argv[1], os.environ.get("PORT", ""), os.environ.get("OTHER", "")])
        if self.path == "/die":
            os._exit(7)
        if self.path == "/path":
            text = sys.path[0] + " " + os.environ["PYTHONPATH"]
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

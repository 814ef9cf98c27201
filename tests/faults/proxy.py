"""nginx with the file that is shipped, but for places that the test needs elsewhere."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from faults.clients import ask
from mediatheque import config
from processes import free_port, wait_for

SHIPPED = config.ROOT / "deploy/nginx.conf"
FOLDERS = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"  # Debian hides it from who is not root


@contextmanager
def proxied(server):
    """nginx in front of that server; its port."""
    nginx = shutil.which("nginx", path=FOLDERS)
    assert nginx, "nginx is missing, which the slow clients need: apt install nginx-light, or brew install nginx."
    port = int(free_port())
    with TemporaryDirectory(prefix="nginx-") as folder:
        Path(folder).chmod(0o755)  # its workers have another user, if this is root
        places = {
            "listen 80;": f"listen 127.0.0.1:{port};",
            "server 127.0.0.1:8080;": f"server 127.0.0.1:{server.port};",
            "/run/nginx.pid": f"{folder}/nginx.pid",
            "/var/log/nginx/": f"{folder}/",
            "http {\n": f"http {{\nclient_body_temp_path {folder}/bodies; proxy_temp_path {folder}/answers;\n",
        }
        text = SHIPPED.read_text()
        for shipped, here in places.items():
            assert shipped in text, f"{SHIPPED} has changed: there is no {shipped!r}."
            text = text.replace(shipped, here)
        file = Path(folder) / "nginx.conf"
        file.write_text(text)
        command = [nginx, "-p", folder, "-c", file, "-e", f"{folder}/error.log", "-g", "daemon off;"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            try:
                wait_for(lambda: process.poll() is not None or ask(port, "GET", "/health/live").status == 200)
                assert process.poll() is None, "nginx did not start."
                yield port
            finally:
                process.terminate()

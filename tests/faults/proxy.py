"""nginx with the file that is shipped, but for places that the test needs elsewhere."""

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme

from mediatheque import config
from processes import free_port, wait_for

SHIPPED = config.ROOT / "deploy/nginx.conf"
FOLDERS = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"  # Debian hides it from who is not root


def accepts(port):
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


@contextmanager
def proxied(server, *, tls=""):
    """nginx in front of that server; the port where it speaks HTTP, or with *tls*, ``ssl``, HTTPS for localhost.

    The file ca.pem of its folder, which is given as well with *tls*, holds who signed its certificate.
    """
    nginx = shutil.which("nginx", path=FOLDERS)
    assert nginx, "nginx is missing, which the slow clients need: apt install nginx-light, or brew install nginx."
    port = int(free_port())
    with TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # its workers have another user, if this is root
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        issued = authority.issue_cert("localhost")
        issued.private_key_pem.write_to_path(folder / "privkey.pem")
        for part in issued.cert_chain_pems:
            part.write_to_path(folder / "fullchain.pem", append=True)
        places = {
            "listen 80;": f"listen unix:{folder}/redirects;",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} {tls};",
            "server application:8080;": f"server 127.0.0.1:{server.port};",
            "/etc/nginx/tls/": f"{folder}/",
            "/run/nginx.pid": f"{folder}/nginx.pid",
            "/var/log/nginx/": f"{folder}/",
            "http {\n": f"http {{\nclient_body_temp_path {folder}/bodies; proxy_temp_path {folder}/answers;\n",
        }
        text = SHIPPED.read_text()
        for shipped, here in places.items():
            assert shipped in text, f"{SHIPPED} has changed: there is no {shipped!r}."
            text = text.replace(shipped, here)
        file = folder / "nginx.conf"
        file.write_text(text)
        command = [nginx, "-p", folder, "-c", file, "-e", folder / "error.log", "-g", "daemon off;"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            try:
                wait_for(lambda: process.poll() is not None or accepts(port))
                assert process.poll() is None, "nginx did not start."
                yield (port, folder) if tls else port
            finally:
                process.terminate()

"""python -m benchmarks.launch <module>: serve a limit as the application is served, by WORKERS of THREADS at PORT."""

import os
import sys
from functools import partial
from importlib import import_module
from typing import Any

from mediatheque.serve import serve


def load(module: str) -> Any:
    return import_module(f"benchmarks.{module}").app


if __name__ == "__main__":
    port, workers, threads = (int(os.environ[name]) for name in ("PORT", "WORKERS", "THREADS"))
    serve(partial(load, sys.argv[1]), "127.0.0.1", port, workers=workers, threads=threads, json_logs=True)

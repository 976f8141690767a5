"""Shows Lambda functions written in Python their layers under /opt, where Lambda has them.

The emulator runs such a function as a process of this machine and unpacks its layers elsewhere. The function that copies
the website runs the AWS command line out of a layer, by its full name, with an interpreter that only Lambda has.
"""

import os
import subprocess
import sys

layers = [path for path in os.environ.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep) if path]


class Popen(subprocess.Popen):
    """subprocess.Popen which runs the Python program /opt/<name> from the layer that has it."""

    def __init__(self, args, *rest, **options):
        if isinstance(args, list) and args and args[0].startswith("/opt/"):
            for layer in layers:
                program = os.path.join(layer, os.path.relpath(args[0], "/opt"))
                if os.path.exists(program):
                    args = [sys.executable, program, *args[1:]]
                    break
        super().__init__(args, *rest, **options)


if layers:
    subprocess.Popen = Popen

"""The local stack: emulator, processes, deployment with the real SAM CLI, logs, and the recorder of calls."""

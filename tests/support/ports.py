"""Free ports for servers of a test's own."""

import random
import socket


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_cluster_port() -> int:
    """A free port below the ephemeral range. Cluster nodes also use the port 10,000 above it."""
    while True:
        port = random.randint(15_000, 22_000)
        with socket.socket() as one, socket.socket() as other:
            if one.connect_ex(("127.0.0.1", port)) and other.connect_ex(("127.0.0.1", port + 10_000)):
                return port

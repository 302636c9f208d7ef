"""Whether a command can listen where it was told to, asked before anything starts."""

import socket


def refuse_unless_free(host: str, port: int) -> None:
    """Raises InvalidRequestError for a host that is not this machine's and for a port that is taken; 0 is any port."""
    from analytics_pipeline.sync.errors import InvalidRequestError

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # free is also what was left a moment ago
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InvalidRequestError(
                f"cannot listen on {host}, port {port}: {error.strerror}; give another --port or --host"
            ) from None

//! Addresses on loopback. `tests/fetch` and `tests/it` share this file.

use std::net::SocketAddr;
use std::sync::LazyLock;

use tokio::net::TcpSocket;

/// An address at which no server listens. A socket is bound to it as long as the tests run, so that no server of
/// another test can get it.
pub(crate) fn nobody() -> SocketAddr {
    static BOUND: LazyLock<TcpSocket> = LazyLock::new(|| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket
    });
    BOUND.local_addr().unwrap()
}

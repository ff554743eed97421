//! Visitors take places of their own, and time that ends.

use super::*;

/// More than there are places for visitors, from addresses of this machine that are not the members'.
#[cfg(target_os = "linux")]
#[test]
fn visitors_who_say_nothing_do_not_keep_members_out() {
    let hub = Hub::start(&[]);
    let mut ann = Browser::joins(&hub, "ann");
    let visitors: Vec<_> = (0..300u16).map(|n| call_from([127, 0, 1, (n / 30) as u8 + 1], hub.web)).collect();
    // Those who were there before go on, and netcat joins.
    let bob = netcat(&hub, "bob");
    ann.says("hello");
    reads_until(&bob, "] <ann> hello");
    ann.hears_said("] <ann> hello");
    // Some are too many, and the others have five seconds. Then there are places again.
    for visitor in visitors {
        let answer = rest(visitor);
        assert!(
            ["HTTP/1.1 503 ", "HTTP/1.1 408 "].iter().any(|status| answer.starts_with(status)),
            "{answer}"
        );
    }
    let mut carl = None;
    wait_until("there is a place", || {
        carl = Browser::calls_with(&hub, &[]).ok();
        carl.is_some()
    });
    carl.unwrap().enters(&hub, "carl");
}

/// One address has places for some, and the others remain.
#[cfg(target_os = "linux")]
#[test]
fn visitors_of_one_address_leave_places_to_the_others() {
    let hub = Hub::start(&[]);
    let _visitors: Vec<_> = (0..64).map(|_| call_from([127, 0, 0, 2], hub.web)).collect();
    Browser::joins(&hub, "ann");
}

#[cfg(target_os = "linux")]
fn call_from(from: [u8; 4], port: u16) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &std::net::SocketAddr::from((from, 0))).unwrap();
    connect(&socket, &std::net::SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

//! What is asked for with HTTP.

use super::*;

#[test]
fn pages_are_there_and_nothing_else() {
    let hub = Hub::start(&[]);
    for (path, title) in [("/", "threadchat"), ("/live", "threadchat")] {
        let page = answer(&hub, get(path) + "\r\n");
        has_status(&page, 200);
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len()))
                || head.ends_with(&format!("Content-Length: {}", body.len())),
            "{head}"
        );
        assert!(body.contains(title) && body.trim_end().ends_with("</html>"), "{path}");
        let only_head = answer(&hub, get(path).replace("GET", "HEAD") + "\r\n");
        assert_eq!(only_head, format!("{head}\r\n\r\n"));
    }
    for path in ["/favicon.ico", "/live/", "/../../etc/passwd", "/%2e%2e/etc/passwd", "/?ticket=1"] {
        has_status(&answer(&hub, get(path) + "\r\n"), 404);
    }
    let post = get("/").replace("GET", "POST") + "Content-Length: 5\r\n\r\nhello";
    let refused = answer(&hub, post);
    has_status(&refused, 405);
    assert!(refused.contains("Allow: GET, HEAD\r\n"));
    has_status(&answer(&hub, get("/ws") + "\r\n"), 426);
    has_status(&answer(&hub, "\x16\x03\x01\x02\x00\x01\x00"), 400);
    has_status(&answer(&hub, "hello\r\nthreadchat\r\n\r\n"), 400);
    has_status(&answer(&hub, "GET / HTTP/1.1\r\n\r\n"), 400);
}

#[test]
fn a_program_that_has_asked_and_sends_nothing_more_gets_its_page() {
    let hub = Hub::start(&[]);
    // The end of what it sends may come with the request, or before the answer is written.
    for _ in 0..20 {
        let mut socket = call(hub.web);
        socket.write_all((get("/") + "\r\n").as_bytes()).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let page = rest(socket);
        has_status(&page, 200);
        assert!(page.trim_end().ends_with("</html>"));
    }
}

#[test]
fn a_second_request_on_the_same_connection_has_no_answer() {
    let hub = Hub::start(&[]);
    let both = answer(&hub, (get("/favicon.ico") + "\r\n") + &get("/") + "\r\n");
    has_status(&both, 404);
    assert_eq!(both.matches("HTTP/1.1").count(), 1, "{both}");
    assert!(both.contains("Connection: close\r\n"));
}

#[test]
fn whoever_calls_the_hub_by_another_name_gets_nothing() {
    let hub = Hub::start(&["--web-name", "school.example"]);
    let ask = |host: &str| answer(&hub, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    for host in ["localhost", "[::1]:1", "192.0.2.1", "School.example:80"] {
        has_status(&ask(host), 200);
    }
    for host in ["evil.example", "evil.example:80", "school.example.evil.example", ""] {
        has_status(&ask(host), 421);
    }
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let hub = Hub::start(&[]);
    #[cfg(target_os = "linux")]
    let idle = hub.program.descriptors();
    let long = format!("{}X: {}\r\n\r\n", get("/"), "x".repeat(9000));
    has_status(&answer(&hub, &long), 431);
    let fields = format!("{}{}\r\n", get("/"), "X: y\r\n".repeat(200));
    has_status(&answer(&hub, &fields), 431);
    // Somebody who sends for ever is disconnected. A write may block even then, for a minute or two: if the hub's system had told
    // the caller's to wait, it says no more after closing.
    let mut endless = call(hub.web);
    endless.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    while endless.write_all(long.as_bytes()).is_ok() {}
    #[cfg(target_os = "linux")]
    wait_until("it is disconnected", || hub.program.descriptors() == idle);
}

#[test]
fn a_head_that_comes_slowly_comes_too_late() {
    let hub = Hub::start(&[]);
    let began = Instant::now();
    let mut slow = call(hub.web);
    let mut voice = slow.try_clone().unwrap();
    // It ends when the hub closes.
    let talking = thread::spawn(move || {
        for byte in get("/").bytes() {
            if voice.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(500));
        }
    });
    let mut all = Vec::new();
    slow.read_to_end(&mut all).unwrap();
    has_status(&String::from_utf8(all).unwrap(), 408);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(5), "{took:?}");
    drop(slow);
    talking.join().unwrap();
}

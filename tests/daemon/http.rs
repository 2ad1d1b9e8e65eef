//! Metrics and the status page, as monitors, browsers and strangers meet them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::metrics::{Samples, samples};
use crate::peer::{Ask, NEW, Peer};
use crate::support::{GREYLIST, NO_DNS, Postward, Transport, eventually, free_port, until};

/// Somebody who asks by HTTP gives up after this.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running daemon that serves HTTP, and where.
fn serve(policy: &str) -> (Postward, SocketAddr) {
    let address = free_port();
    let mut postward = Postward::install(Transport::Inet, &format!("http: \"inet:{address}\"\n{policy}"));
    postward.serve();
    (postward, address)
}

struct Response {
    status: u16,
    head: String,
    body: String,
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What comes back for these octets; `None` if the connection is closed without a word.
fn exchange(address: SocketAddr, octets: &[u8]) -> Option<Response> {
    let mut stream = connect(address);
    let _ = stream.write_all(octets); // it may be closed before everything was read
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received);
    let text = String::from_utf8_lossy(&received);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Response { status, head: head.to_lowercase(), body: body.to_owned() })
}

fn ask(address: SocketAddr, method: &str, path: &str) -> Response {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    exchange(address, request.as_bytes()).unwrap_or_else(|| panic!("no response to {method} {path}"))
}

fn get(address: SocketAddr, path: &str) -> Response {
    ask(address, "GET", path)
}

fn measured(address: SocketAddr) -> Samples {
    let response = get(address, "/metrics");
    assert!(response.head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{}", response.head);
    samples(&response.body).unwrap_or_else(|complaint| panic!("{complaint}\n{}", response.body))
}

#[test]
fn the_page_explains_what_was_decided_and_no_stranger_writes_in_it() {
    let (postward, address) = serve(GREYLIST);
    let mut peer = Peer::connect(postward.endpoint());
    let ask =
        Ask::from_sender("\"><script>alert(1)</script>@example.org").with("helo_name", "<img src=x onerror=alert(1)>");
    assert_eq!(peer.ask(&ask), NEW);
    assert_eq!(peer.ask(&Ask::from_sender("alice@example.org")), NEW);
    eventually("the decisions are on the page", || get(address, "/").body.contains("alice@example.org"));
    let paths = ["/", "/?sender=%3Cscript%3E", "/?client=%22%3E%3Cscript%3E%20x", "/?recipient=bob@example.net"];
    for path in paths.into_iter().chain(["/decision?id=1"]) {
        let page = get(address, path);
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.contains("<script") && !page.body.contains("<img"), "{path}:\n{}", page.body);
        assert!(page.head.contains("content-security-policy: default-src 'none'; style-src 'self';"), "{}", page.head);
    }
    let page = get(address, "/decision?id=1").body;
    assert!(page.contains("&quot;&gt;&lt;script&gt;") && page.contains("&lt;img src=x"), "{page}");
    assert!(page.contains("first attempt from 192.0.2.0/24"), "{page}");
    let found = get(address, "/?sender=alice%40example.org").body;
    assert!(found.contains("greylist-new") && !found.contains("alert(1)"), "{found}");
    assert!(get(address, "/?recipient=nobody.example").body.contains("There is none"));
    assert_eq!(get(address, "/decision?id=99").status, 404);
}

#[test]
fn what_was_answered_is_measured() {
    let (postward, address) = serve(GREYLIST);
    let mut peer = Peer::connect(postward.endpoint());
    for sender in ["a@example.org", "b@example.org", "secret-word@example.org"] {
        peer.ask(&Ask::from_sender(sender));
    }
    let new = r#"postward_requests_total{check="greylist",reason="greylist-new",action="defer_if_permit"}"#;
    eventually("the requests are counted", || measured(address).get(new) == Some(&3.0));
    let samples = measured(address);
    for (sample, expected) in [
        ("postward_request_duration_seconds_count", 3.0),
        (r#"postward_check_duration_seconds_count{check="access"}"#, 3.0),
        ("postward_ready", 1.0),
        ("postward_store_up", 1.0),
        ("postward_connections", 1.0),
        ("postward_greylist_waiting", 3.0),
        ("postward_list_entries", 0.0),
        (concat!("postward_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert_eq!(samples.get(sample), Some(&expected), "{sample}: {samples:#?}");
    }
    assert!(samples["postward_store_commits_total"] >= 1.0);
    assert!(!get(address, "/metrics").body.contains("secret-word"), "a stranger has chosen a label");
}

#[test]
fn a_monitor_is_told_whether_the_daemon_is_ready() {
    let (_postward, address) = serve(GREYLIST);
    assert_eq!(get(address, "/healthz").status, 200);
    eventually("it is ready", || get(address, "/readyz").status == 200);
    let http_1_0 = exchange(address, b"GET /readyz HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(http_1_0.status, 200);
    assert_eq!(ask(address, "HEAD", "/readyz").body, "");

    let address = free_port();
    let mut postward = Postward::install(Transport::Inet, &format!("http: \"inet:{address}\"\n{GREYLIST}"));
    postward.move_database("missing/postward.db");
    postward.serve();
    assert_eq!(get(address, "/healthz").status, 200);
    let unready = get(address, "/readyz");
    assert!(unready.status == 503 && unready.body.contains("missing/postward.db"), "{}", unready.body);
    let page = get(address, "/");
    assert!(page.status == 200 && page.body.contains("Not ready"), "{}", page.body);
    assert_eq!(measured(address)["postward_ready"], 0.0);
}

#[test]
fn a_browser_that_a_strangers_name_leads_here_reads_nothing() {
    let (_postward, address) = serve(GREYLIST);
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.0.2.1"] {
        let request = format!("GET /status HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let response = exchange(address, request.as_bytes()).unwrap();
        assert!(response.status == 421 && !response.body.contains("version"), "{host}: {}", response.body);
    }
    let absolute = exchange(address, b"GET http://evil.example/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(absolute.unwrap().status, 421);
    assert_eq!(exchange(address, b"GET /status HTTP/1.1\r\nHost: localhost:1\r\n\r\n").unwrap().status, 200);
}

#[test]
fn nonsense_gets_nothing() {
    let (postward, address) = serve(GREYLIST);
    for (method, path, status) in [
        ("POST", "/", 405),
        ("PUT", "/status", 405),
        ("DELETE", "/decision?id=1", 405),
        ("BREW", "/", 405),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", "//etc/passwd", 404),
        ("GET", "/style.css/..", 404),
        ("GET", "/decision?id=1;DROP%20TABLE%20journal", 404),
        ("GET", "/decision", 404),
        ("GET", "/metrics/", 404),
    ] {
        assert_eq!(ask(address, method, path).status, status, "{method} {path}");
    }
    let long = "a".repeat(200_000);
    let headers: String = (0..500).map(|number| format!("X-{number}: x\r\n")).collect();
    for nonsense in [
        format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"),
        "request=smtpd_access_policy\n\n".to_owned(),
        "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03".to_owned() + "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n".to_owned(),
    ] {
        let status = exchange(address, nonsense.as_bytes()).map_or(400, |response| response.status);
        assert!((400..500).contains(&status), "{status}: {}", &nonsense[..nonsense.len().min(60)]);
    }
    assert_eq!(get(address, "/healthz").status, 200);
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
}

#[test]
fn who_is_slow_holds_up_nobody_for_long_and_postfix_not_at_all() {
    let (postward, address) = serve(GREYLIST);
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = connect(address);
            stream.write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
            stream
        })
        .collect();
    assert_eq!(Peer::connect(postward.endpoint()).ask(&Ask::new()), NEW);
    assert_eq!(get(address, "/healthz").status, 200, "they were sent away");
    drop(slow);
}

#[test]
fn a_key_in_the_name_of_a_zone_is_never_shown() {
    let zone = "0123456789abcdefghijklmnop.zen.example.net";
    let (_postward, address) = serve(&format!("{NO_DNS}chain: [{{dnsbl: {{lists: [{zone}]}}}}]\n"));
    for path in ["/", "/status", "/metrics"] {
        let body = get(address, path).body;
        assert!(body.contains("….zen.example.net") && !body.contains("0123456789"), "{path}: {body}");
    }
}

#[test]
fn the_command_line_tells_how_the_daemon_is() {
    let (mut postward, address) = serve(GREYLIST);
    Peer::connect(postward.endpoint()).ask(&Ask::new());
    let status = || -> Value { serde_json::from_str(&postward.ok(["status", "--format", "json"])).unwrap() };
    eventually("the decision is counted", || status()["decided"][0]["deferred"] == 1);
    let told = status();
    assert_eq!(told["ready"], true);
    assert_eq!(told["daemon"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(told["daemon"]["store"]["outage"], Value::Null);
    assert_eq!(told["listen"][0], postward.endpoint().to_string());
    let shown = postward.ok(["status"]);
    assert!(shown.contains("in service     for ") && shown.contains("RECIPIENTS"), "{shown}");
    postward.stop();
    let output = postward.run(["status"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{error}");
    assert!(error.contains("error: no daemon answers at inet:") && error.contains(&address.to_string()), "{error}");
}

#[test]
fn without_http_it_can_still_be_told_whether_it_listens() {
    for transport in [Transport::Inet, Transport::Unix] {
        let postward = Postward::start(transport);
        let told: Value = serde_json::from_str(&postward.ok(["status", "--format", "json"])).unwrap();
        assert_eq!(told["daemon"], Value::Null);
        assert_eq!(told["listen"][0], postward.endpoint().to_string());
        assert!(postward.ok(["status"]).contains("in service     listens at "));
    }
}

#[test]
fn the_end_does_not_wait_for_a_browser() {
    let (mut postward, address) = serve(GREYLIST);
    let _idle = connect(address);
    assert!(postward.stop().success());
    let refused = until(PATIENCE, || TcpStream::connect(address).is_err().then_some(()));
    assert!(refused.is_some());
}

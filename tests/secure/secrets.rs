//! What must not be written anywhere.

use super::*;

/// The lines of the private key.
fn private_key(user: &User) -> Vec<String> {
    let pem = std::fs::read_to_string(user.file("key")).unwrap();
    pem.lines().filter(|line| !line.starts_with("---")).map(str::to_owned).collect()
}

#[test]
fn neither_codes_nor_keys_are_in_notices_transcripts_traces_or_errors() {
    let (anna, ben) = (User::new(), User::new());
    let options = |user: &User, name: &str| {
        ["transcript", "trace"]
            .map(|what| user.settings().join(format!("{name}.{what}")).display().to_string())
    };
    let observed = |[transcript, trace]: &[String; 2]| {
        ["-v", "--transcript", transcript, "--trace", trace].map(str::to_owned)
    };
    let (of_anna, of_ben, of_wrong) =
        (options(&anna, "serve"), options(&ben, "connect"), options(&ben, "wrong"));
    let args = observed(&of_anna);
    let (mut serve, port, first) = anna.serves(&args.each_ref().map(String::as_str));
    let args = observed(&of_wrong);
    let mut failed = ben.calls(port, &wrong(&first), &args.each_ref().map(String::as_str));
    fails(&mut failed, WRONG_CODE);
    let second = code(&serve, 2);
    let args = observed(&of_ben);
    let mut connect = ben.calls(port, &second, &args.each_ref().map(String::as_str));
    talk(&mut serve, &mut connect);
    let third = code(&serve, 3);
    serve.types("88\n");
    serve.exits(0);

    // Only this shows a code.
    let said = serve.err.text();
    let other_lines: String = said.lines().filter(|line| !line.contains(CODE)).collect();
    let mut written = vec![other_lines, serve.out.text()];
    for program in [&failed, &connect] {
        written.extend([program.err.text(), program.out.text()]);
    }
    for file in [of_anna, of_ben, of_wrong].concat() {
        let content = std::fs::read_to_string(&file).unwrap();
        assert!(!content.is_empty(), "{file}");
        written.push(content);
    }
    let words = |code: &str| code.split_once('-').unwrap().1.to_owned();
    let codes = [&first, &second, &third].map(|code| words(code));
    for secret in [private_key(&anna), private_key(&ben), codes.to_vec()].concat() {
        for text in &written {
            assert!(!text.contains(&secret), "{secret} is in {text}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_list_of_processes_shows_no_code() {
    let (anna, ben) = (User::new(), User::new());
    let (_serve, port, code) = anna.serves(&[]);
    let mut connect = ben.calls(port, "", &["--code", "-"]);
    connect.types(format!("{code}\nhello\n"));
    connect.err.wait_for("encrypted: ");
    for file in ["cmdline", "environ"] {
        let read = std::fs::read(format!("/proc/{}/{file}", connect.id())).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&read).contains(&code));
    }
}

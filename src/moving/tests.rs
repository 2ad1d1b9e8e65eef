//! What becomes of other programs' rows, without their files.

use std::io::Write as _;

use tokio::sync::mpsc;

use super::*;
use crate::checks::greylist::GreylistOptions;
use crate::clock::Timestamp;
use crate::store::{ClientRecord, Memory, TripletState};

const NOW: i64 = 1_790_000_000;
const DAY: i64 = 86_400;

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Reads these files, and answers what is handed over, and what is said.
fn read(program: Program, options: GreylistOptions, files: &[&str]) -> (Vec<Memory>, Summary, Option<String>) {
    let directory = tempfile::tempdir().unwrap();
    let inputs = files.iter().enumerate().map(|(number, text)| {
        let path = directory.path().join(number.to_string());
        File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        Input::File(path)
    });
    let inputs: Vec<_> = inputs.collect();
    let (sender, mut portions) = mpsc::channel(1000);
    let mut taking = Taking::new(Rules { options, now: moment(NOW) }, sender);
    let error = program.read(&inputs, &mut taking).err().map(|(_, error)| error.to_string());
    let summary = taking.summary().clone();
    drop(taking);
    let mut memories = Vec::new();
    while let Ok(portion) = portions.try_recv() {
        memories.extend(portion);
    }
    (memories, summary, error)
}

fn dump(rows: &[(&str, String)]) -> String {
    let rows: String = rows.iter().map(|(key, value)| format!(" {key}\n {value}\n")).collect();
    format!("VERSION=3\nformat=print\ntype=btree\nHEADER=END\n{rows}DATA=END\n")
}

/// `client sender recipient state` of a triplet, or `client passes` of a client.
fn short(memory: &Memory) -> String {
    match memory {
        Memory::Triplet { record, network } => {
            assert_eq!(*network, record.triplet.client);
            let state = if record.state == TripletState::Passed { "passed" } else { "waiting" };
            format!("{} {} {} {state}", record.triplet.client, record.triplet.sender, record.triplet.recipient)
        }
        Memory::Client(ClientRecord { client, passes, .. }) => format!("{client} {passes}"),
    }
}

#[test]
fn what_has_lapsed_is_left_out_to_the_second() {
    for (first, last, taken) in [
        (35 * DAY + 400, 35 * DAY, true), // passed, last seen 35 days ago
        (35 * DAY + 401, 35 * DAY + 1, false),
        (2 * DAY, 2 * DAY, true), // waits for two days
        (2 * DAY + 1, 2 * DAY - 1, false),
        (-DAY, -DAY, true), // a clock was wrong
    ] {
        let value = format!("{},{}", NOW - first, NOW - last);
        let file = dump(&[("192.0.2.0/a@example.org/b@example.net", value)]);
        let (memories, summary, _) = read(Program::Postgrey, GreylistOptions::default(), &[&file]);
        assert_eq!(memories.len(), usize::from(taken), "{first} {last}");
        assert_eq!(summary.left_out.too_old, u64::from(!taken), "{first} {last}");
    }
}

#[test]
fn nothing_was_seen_in_the_future() {
    let file = dump(&[("192.0.2.0/a@example.org/b@example.net", format!("{},{}", NOW + DAY, NOW + DAY))]);
    let (memories, ..) = read(Program::Postgrey, GreylistOptions::default(), &[&file]);
    let [Memory::Triplet { record, .. }] = memories.as_slice() else { panic!("{memories:?}") };
    assert_eq!((record.first_seen, record.last_seen), (moment(NOW), moment(NOW)));
}

#[test]
fn a_client_is_the_network_that_the_policy_makes_of_it() {
    let by_host = GreylistOptions { ipv4_prefix: 32, ipv6_prefix: 128, ..GreylistOptions::default() };
    let narrow = GreylistOptions { ipv4_prefix: 28, ..GreylistOptions::default() };
    for (options, client, expected) in [
        (GreylistOptions::default(), "192.0.2.7", Some("192.0.2.0/24")),
        (GreylistOptions::default(), "192.0.2", Some("192.0.2.0/24")),
        (GreylistOptions::default(), "2001:db8:1:2:0:0:0:25", Some("2001:db8:1:2::/64")),
        (GreylistOptions::default(), "2001:DB8:1:2:0:0:0:25", Some("2001:db8:1:2::/64")),
        (GreylistOptions::default(), "2001:0db8:0001:0002", Some("2001:db8:1:2::/64")),
        (GreylistOptions::default(), "::ffff:192.0.2.7", Some("192.0.2.0/24")),
        (by_host.clone(), "192.0.2.7", Some("192.0.2.7/32")),
        (by_host, "192.0.2", None),
        (narrow, "192.0.2.77", Some("192.0.2.64/28")),
    ] {
        let table = format!("INSERT INTO connect VALUES('a','example.org','{client}','b@example.net',{NOW});");
        let (memories, summary, error) = read(Program::Sqlgrey, options, &[&table]);
        let clients: Vec<_> =
            memories.iter().map(|memory| short(memory).replace(" a@example.org b@example.net waiting", "")).collect();
        assert_eq!((clients.first().map(String::as_str), error), (expected, None), "{client}");
        assert_eq!(summary.left_out.too_wide, u64::from(expected.is_none()), "{client}");
    }
}

#[test]
fn senders_that_postgrey_has_changed_are_found_or_left_out() {
    for (sender, key) in [
        ("john.#@example.org", None), // john.1985 is a person, and nobody knows which
        ("list-bounces-#-#@lists.example.org", Some("list-bounces-#-#@lists.example.org")),
        ("news-#-#@example.org", Some("news-#-#@example.org")), // found if these were long
        ("alice@example.org", Some("alice@example.org")),
        ("prvs=alice@example.org", Some("prvs=alice@example.org")),
        ("", Some("")),
    ] {
        let key_of_row = format!("192.0.2.0/{sender}/b@example.net");
        let file = dump(&[(&key_of_row, format!("{NOW},{NOW}"))]);
        let (memories, summary, _) = read(Program::Postgrey, GreylistOptions::default(), &[&file]);
        let expected: Vec<_> = key.iter().map(|key| format!("192.0.2.0/24 {key} b@example.net waiting")).collect();
        assert_eq!(memories.iter().map(short).collect::<Vec<_>>(), expected, "{sender}");
        assert_eq!(summary.left_out.numbers_lost, u64::from(key.is_none()), "{sender}");
    }
}

#[test]
fn passes_without_a_recipient_count_once_an_hour() {
    let row = |sender: &str, first: i64| {
        format!("INSERT INTO from_awl VALUES('{sender}','example.org','192.0.2.9',{first},{NOW});\n")
    };
    let start = NOW.div_euclid(3600) * 3600 - DAY;
    let script = [row("a", start), row("b", start + 60), row("c", start + 3600), row("d", start + 7200)].concat();
    let (memories, ..) = read(Program::Sqlgrey, GreylistOptions::default(), &[&script]);
    assert_eq!(memories.iter().map(short).collect::<Vec<_>>(), ["192.0.2.0/24 3"]);
}

#[test]
fn a_domain_in_the_awl_is_a_client_that_is_known() {
    let script = format!("INSERT INTO domain_awl VALUES('example.org','192.0.2.9',{NOW},{NOW});");
    for (allow_client_after, passes) in [(5, 5), (2, 2), (0, 1)] {
        let options = GreylistOptions { allow_client_after, ..GreylistOptions::default() };
        let (memories, ..) = read(Program::Sqlgrey, options, &[&script]);
        assert_eq!(memories.iter().map(short).collect::<Vec<_>>(), [format!("192.0.2.0/24 {passes}")]);
    }
}

#[test]
fn rows_that_make_no_sense_are_told_with_their_lines_and_cost_no_others() {
    let (good, bad) = (format!("{NOW},{NOW}"), "x,y".to_owned());
    let file = dump(&[
        ("192.0.2.0/a@example.org/b@example.net", good.clone()),
        ("somewhere/a@example.org/b@example.net", good.clone()),
        ("192.0.2.0/a@example.org/c@example.net", bad),
        ("192.0.2.0/only", good.clone()),
        (r"192.0.2.0/\zz@example.org/c@example.net", good.clone()),
        ("192.0.2.9", "3".to_owned()),
        (&format!("192.0.2.0/{}@example.org/b@example.net", "a".repeat(100_000)), good.clone()),
        ("192.0.2.0/z@example.org/b@example.net", good),
    ]);
    let (memories, summary, error) = read(Program::Postgrey, GreylistOptions::default(), &[&file]);
    assert_eq!((memories.len(), summary.read, summary.left_out.nonsense, error), (2, 8, 6, None));
    let lines: Vec<_> = summary.nonsense.iter().map(|text| text.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["7", "9", "11", "13", "15", "17"]);
    assert!(summary.nonsense[0].ends_with("no client's address: `somewhere`"), "{:?}", summary.nonsense);
}

#[test]
fn only_the_first_lines_that_make_no_sense_are_told() {
    let rows: Vec<_> = (0..1000).map(|_| ("nonsense", "1,1".to_owned())).collect();
    let (_, summary, _) = read(Program::Postgrey, GreylistOptions::default(), &[&dump(&rows)]);
    assert_eq!((summary.left_out.nonsense, summary.nonsense.len()), (1000, 10));
}

#[test]
fn files_that_are_something_else_are_not_read() {
    let truncated = "VERSION=3\nformat=print\nHEADER=END\n 192.0.2.0/a@x.example/b@y.example\n 1,1\n";
    let database = format!("{}\u{62}\u{31}\u{5}\0", "\0".repeat(12));
    for (program, file, expected) in [
        (Program::Postgrey, "From alice@example.org\n", "this is no dump of Berkeley DB"),
        (Program::Postgrey, truncated, "DATA=END is missing"),
        (Program::Postgrey, "VERSION=3\nformat=print\nHEADER=END\n a\nDATA=END\n", "a key without a value"),
        (Program::Postgrey, &database, "the Berkeley DB file itself"),
        (Program::Sqlgrey, &"x".repeat(10_000), "no dump of sqlgrey's tables"),
        (Program::Greylistd, "12 = 192.0.2.1 a@example.org b@example.net\n", "triplets without their states"),
    ] {
        let (memories, _, error) = read(program, GreylistOptions::default(), &[file]);
        assert!(error.as_ref().is_some_and(|error| error.contains(expected)), "{expected} is not in {error:?}");
        assert!(memories.is_empty(), "{expected}");
    }
}

#[test]
fn several_dumps_may_stand_behind_each_other() {
    let triplet = dump(&[("192.0.2.0/a@example.org/b@example.net", format!("{NOW},{NOW}"))]);
    let client = dump(&[("192.0.2.9", format!("3,{NOW}"))]);
    let (memories, ..) = read(Program::Postgrey, GreylistOptions::default(), &[&format!("{triplet}{client}")]);
    assert_eq!(memories.len(), 2);
}

#[test]
fn greylistd_knows_clients_alone_and_null_senders() {
    let states = format!(
        "[white]\n1 = {NOW} {NOW} 1\n2 = {NOW} {NOW} 1\n[grey]\n3 = {NOW} {NOW} 1\n4 = {NOW} {NOW} 1\n\
                          [black]\n5 = {NOW} {NOW} 1\n[statistics]\nwhite = 2\n"
    );
    let triplets = "1 = 192.0.2.1\n2 = 192.0.2.128/25 b@example.net\n3 = 192.0.2.1 a@example.org b@example.net\n\
                    4 = 192.0.2.1\n5 = 192.0.2.1 x@example.org b@example.net\n6 = 192.0.2.1 gone@example.org b@example.net\n";
    let (memories, summary, error) = read(Program::Greylistd, GreylistOptions::default(), &[&states, triplets]);
    assert_eq!(
        memories.iter().map(short).collect::<Vec<_>>(),
        ["192.0.2.0/24 5", "192.0.2.0/24  b@example.net passed", "192.0.2.0/24 a@example.org b@example.net waiting"]
    );
    assert_eq!((summary.left_out.blacklisted, summary.left_out.nonsense, error), (1, 1, None));
}

mod dumps {
    use super::*;

    /// The same rows, however they are written.
    #[test]
    fn sql_of_three_databases_means_the_same() {
        let mariadb = include_str!("../../tests/moving/sqlgrey-mariadb.sql");
        let copied = include_str!("../../tests/moving/sqlgrey-postgresql.sql");
        let inserted = include_str!("../../tests/moving/sqlgrey-postgresql-inserts.sql");
        let sqlite = "BEGIN TRANSACTION;\n\
            INSERT INTO connect VALUES('alice','example.org','192.0.2.10','bob@example.net',1789996400);\n\
            INSERT INTO connect VALUES('o''neil\\','example.org','192.0.2.10','it''s@example.net',1789999800);\n\
            INSERT INTO \"domain_awl\" VALUES('example.com','198.51.100',1789221800,1789251200);\n\
            INSERT INTO from_awl VALUES('carol','example.org','192.0.2',1789136000,1789136600);\nCOMMIT;\n";
        let [mariadb, copied, inserted, sqlite] = [mariadb, copied, inserted, sqlite].map(|script| {
            let (memories, summary, error) = read(Program::Sqlgrey, GreylistOptions::default(), &[script]);
            assert_eq!((summary.read, summary.nonsense, error), (4, Vec::new(), None));
            memories
        });
        assert_eq!(mariadb, sqlite);
        assert_eq!(inserted, copied);
        assert_eq!(
            sqlite.iter().map(short).collect::<Vec<_>>(),
            [
                "192.0.2.0/24 alice@example.org bob@example.net waiting",
                "192.0.2.0/24 o'neil\\@example.org it's@example.net waiting",
                "198.51.100.0/24 5",
                "192.0.2.0/24 1",
            ]
        );
        // PostgreSQL's times are those of the zone in which this runs.
        assert_eq!(copied.iter().map(short).collect::<Vec<_>>(), sqlite.iter().map(short).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_makes_reading_panic() {
        use proptest::prelude::*;
        proptest!(ProptestConfig::with_cases(64), |(text in r#"((INSERT INTO|COPY|VALUES|from_awl|connect|FROM stdin;|VERSION=3\n|format=print\n|HEADER=END\n|DATA=END| |'|\\|\(|\)|,|;|\n|[a-z0-9=.:\[\]/@]{1,4}|\PC)){0,60}"#)| {
            for program in [Program::Postgrey, Program::Sqlgrey, Program::Greylistd] {
                read(program, GreylistOptions::default(), &[&text]);
            }
        });
    }
}

mod starts {
    use super::settings::*;
    use crate::chain::Policy;
    use crate::checks::greylist::{GreylistOptions, Identity};
    use crate::config::Draft;

    fn translate(file: &str) -> Translation {
        Start::parse(file).unwrap().translate(|file| file.ends_with("clients.local"))
    }

    fn load(file: &str) -> (Policy, GreylistOptions) {
        let text = translate(file).policy;
        let draft = Draft::parse("policy.yaml".as_ref(), text.clone()).unwrap();
        let policy = Policy::from_draft(draft).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let options = policy.options::<GreylistOptions>().unwrap().clone();
        (policy, options)
    }

    /// Options, and the default options with what they change.
    fn assert_greylists(options: &str, change: impl Fn(&mut GreylistOptions)) {
        let mut expected = GreylistOptions { identity: vec![Identity::Network], ..GreylistOptions::default() };
        change(&mut expected);
        assert_eq!(load(&format!("POSTGREY_OPTS=\"--inet=10023 {options}\"\n")).1, expected, "{options}");
    }

    #[test]
    fn options_of_greylisting_become_options_of_greylisting() {
        use crate::config::Period;
        assert_greylists("", |_| {});
        assert_greylists("--delay=60", |o| o.delay = Period::seconds(60));
        assert_greylists("--delay=0", |_| {}); // Perl takes 0 for nothing
        assert_greylists("--max-age=90", |o| o.max_age = Period::days(90));
        assert_greylists("--retry-window=4", |o| o.retry_window = Period::days(4));
        assert_greylists("--retry-window=6h", |o| o.retry_window = Period::seconds(6 * 3600));
        assert_greylists("--lookup-by-subnet", |_| {});
        assert_greylists("--lookup-by-host --ipv4cidr=16", |o| (o.ipv4_prefix, o.ipv6_prefix) = (32, 128));
        assert_greylists("--ipv4cidr=28 --ipv6cidr=56", |o| (o.ipv4_prefix, o.ipv6_prefix) = (28, 56));
        assert_greylists("--auto-whitelist-clients=3", |o| o.allow_client_after = 3);
        assert_greylists("--auto-whitelist-clients=0", |o| o.allow_client_after = 0);
        assert_greylists("--auto-whitelist-clients", |_| {});
        assert_greylists("--greylist-text='wait %s seconds'", |o| o.text = "wait {seconds} seconds".to_owned());
    }

    #[test]
    fn what_is_not_translated_is_named_with_the_reason() {
        for (options, named) in [
            ("--greylist-action=451", "--greylist-action=451"),
            ("--privacy", "--privacy"),
            ("--exim", "--exim"),
            ("--x-greylist-header='X-Delay: %t'", "--x-greylist-header=X-Delay: %t"),
            ("--hostname=mx", "--hostname=mx"),
            ("--listen-queue-size=50", "--listen-queue-size=50"),
            ("-d --pidfile=/run/x", "--pidfile=/run/x"),
            ("--user=pg --group=pg", "--user=pg"),
            ("-v", "--verbose"),
            ("--facility=local0", "--syslog-facility=local0"),
            ("--greylist-text='see %r'", "--greylist-text=see %r"),
            ("--greylist-text='{}'", "--greylist-text={}"),
            ("--dely=60", "--dely=60"),
            ("--delay=soon", "--delay=soon"),
            ("--delay=99999999999999999999", "--delay=99999999999999999999"),
            ("--delay=200000", "--delay=200000"), // no retry could come in time
            ("--ipv4cidr=64", "--ipv4cidr=64"),
            ("--retry-window=2w", "--retry-window=2w"),
            ("--delay=86400 --retry-window=6h", "--retry-window=6h"),
            ("--auto-whitelist-clients=some", "--auto-whitelist-clients=some"),
            ("--socketmode=0660", "--socketmode=0660"),
            ("-i localhost:60000", "--inet=localhost:60000"),
        ] {
            let file = format!("POSTGREY_OPTS=\"--unix=/run/postgrey.sock {options}\"\n");
            load(&file);
            let policy = translate(&file).policy;
            assert!(policy.contains(&format!("#   {named}\n#     ")), "{named} is not in\n{policy}");
        }
    }

    #[test]
    fn both_may_run_side_by_side() {
        for options in
            ["--inet=10023", "--inet=192.0.2.1:10023", "--unix=/var/spool/postfix/postgrey.sock --socketmode=0660"]
        {
            let (policy, _) = load(&format!("POSTGREY_OPTS='{options}'\n"));
            assert_eq!(policy.config.listen, crate::config::Config::default().listen, "{options}");
        }
    }

    #[test]
    fn it_can_be_tried_beside_postgrey_first() {
        let text = translate("POSTGREY_OPTS=--inet=10023").policy.replace("# mode: observe", "mode: observe");
        let policy = Policy::from_draft(Draft::parse("policy.yaml".as_ref(), text).unwrap()).unwrap();
        let greylist = policy.steps.iter().find(|step| step.name == "greylist").unwrap();
        assert_eq!(greylist.mode, crate::chain::Mode::Observe);
    }

    #[test]
    fn its_lists_are_followed_and_spare_greylisting() {
        let sources = |file: &str| -> Vec<String> {
            let sources = load(file).0.config.lists.sources;
            let told = sources.iter().map(|source| format!("{} {}", source.file.display(), source.format));
            told.collect()
        };
        assert_eq!(
            sources("POSTGREY_OPTS=--inet=10023"),
            [
                "/etc/postgrey/whitelist_clients postgrey-clients",
                "/etc/postgrey/whitelist_clients.local postgrey-clients", // it is there
                "/etc/postgrey/whitelist_recipients postgrey-recipients",
            ]
        );
        let own = "POSTGREY_OPTS=\"--inet=1 --whitelist-clients=/a --whitelist-clients=/b\"";
        assert_eq!(
            sources(own),
            ["/a postgrey-clients", "/b postgrey-clients", "/etc/postgrey/whitelist_recipients postgrey-recipients"]
        );
    }

    #[test]
    fn the_file_is_read_as_a_shell_does() {
        let debian = "# postgrey startup options\n\n#   --delay=N   how long\nPOSTGREY_OPTS=\"--inet=10023 \\\n  --delay=120\"\n\
                      #POSTGREY_TEXT=\"commented out\"\nPOSTGREY_TEXT=\"Come back in %s seconds: it's \\\"grey\\\"\"\n";
        let (_, options) = load(debian);
        assert_eq!(options.delay, crate::config::Period::seconds(120));
        assert_eq!(options.text, "Come back in {seconds} seconds: it's \"grey\"");
        assert_eq!(Start::parse("POSTGREY_OPTS=\"--inet"), Err(StartError::Quotation));
        assert_eq!(Start::parse("# nothing\n"), Err(StartError::NoOptions));
        assert_eq!(translate("POSTGREY_OPTS=--dbdir=/srv/pg").database, std::path::Path::new("/srv/pg"));
    }
}

//! The admin API over its socket.

use super::super::numbers::tests::numbers;
use super::*;

fn path(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("ipsmgw-admin-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    directory.join("admin.sock")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_client_is_told_what_the_workers_published() {
    let path = path("told");
    runtime().block_on(async {
        let (_socket, listener) = Socket::bind(&path).unwrap();
        let (ask_control, mut questions) = mpsc::channel::<Question>(1);
        tokio::spawn(serve(listener, Arc::new(numbers()), ask_control, Audit::new(None).unwrap()));
        for subject in [Subject::Workers, Subject::Ports, Subject::Associations, Subject::Destinations] {
            let answer = ask(&path, subject).await.unwrap();
            assert!(answer[subject.name()].is_array(), "{answer}");
        }
        let answer = ask(&path, Subject::Workers).await.unwrap();
        assert_eq!(answer, numbers().workers());
        let (answer, ()) = tokio::join!(ask(&path, Subject::Subscribers), async {
            let Some(Question::Subscribers(answer)) = questions.recv().await else { panic!() };
            answer.send((3, 0x00c0_ffee)).unwrap();
        });
        let expected = json!({ "count": 3, "digest": "0000000000c0ffee" });
        let (peers, ()) = tokio::join!(ask(&path, Subject::Peers), async {
            let Some(Question::Places(answer)) = questions.recv().await else { panic!() };
            answer.send(None).unwrap();
        });
        assert_eq!(peers.unwrap()["peers"], json!([]));
        assert_eq!(answer.unwrap()["subscribers"], expected);
        for (ssn, place, known) in [(146, "out", true), (6, "in", false)] {
            let (answer, ()) = tokio::join!(set_subsystem(&path, ssn, place == "in"), async {
                let Some(Question::Subsystem { ssn: asked, in_service, answer }) = questions.recv().await
                else {
                    panic!()
                };
                assert_eq!((asked, in_service), (ssn, place == "in"));
                answer.send(known).unwrap();
            });
            assert_eq!(answer.is_ok(), known);
        }
        drop(questions);
        let error = ask(&path, Subject::Subscribers).await.unwrap_err();
        assert!(error.to_string().contains("503"), "{error}");
    });
    assert!(!path.exists(), "the socket goes with the process");
}

#[test]
fn the_socket_is_its_owners_alone() {
    let path = path("mode");
    runtime().block_on(async {
        let (_socket, _listener) = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let left: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left, ["admin.sock"]);
    });
}

#[test]
fn a_stale_socket_is_replaced_and_nothing_else() {
    let path = path("stale");
    runtime().block_on(async {
        let (socket, listener) = Socket::bind(&path).unwrap();
        std::mem::forget(socket);
        let living = Socket::bind(&path).map(drop).unwrap_err();
        assert_eq!(living.kind(), ErrorKind::AddrInUse);
        drop(listener);
        drop(Socket::bind(&path).unwrap());
        fs::write(&path, "precious").unwrap();
        assert_eq!(Socket::bind(&path).map(drop).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    });
}

#[test]
fn nobody_there_is_said_with_a_remedy() {
    let error = runtime().block_on(ask(&path("nobody"), Subject::Workers)).unwrap_err();
    assert!(error.to_string().contains("--socket"), "{error}");
}

/// Answers an operator's question as the control thread would.
async fn answered(questions: &mut mpsc::Receiver<Question>, answer: Value) -> Asked {
    let Some(Question::Operator(asked, to)) = questions.recv().await else { panic!() };
    to.send(answer).unwrap();
    asked
}

fn records(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn person(number: &str, unmasked: bool) -> Person {
    Person { msisdn: Some(number.into()), imsi: None, unmasked }
}

#[test]
fn each_question_about_subscribers_is_recorded_before_it_is_answered() {
    use std::os::unix::fs::MetadataExt;
    let path = path("audit");
    let file = path.with_file_name("audit.jsonl");
    runtime().block_on(async {
        let (_socket, listener) = Socket::bind(&path).unwrap();
        let (ask_control, mut questions) = mpsc::channel::<Question>(1);
        let audit = Audit::new(Some(&file)).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        tokio::spawn(serve(listener, Arc::new(numbers()), ask_control, audit));
        let uid = fs::metadata(&path).unwrap().uid();
        let asked = person("+491711234567", false);
        let (answer, question) =
            tokio::join!(why(&path, &asked), answered(&mut questions, json!({ "found": true })));
        assert_eq!(answer.unwrap()["why"]["found"], true);
        assert!(matches!(question, Asked::Why { whom, .. } if whom.digits().to_string() == "491711234567"));
        let first = &records(&file)[0];
        let expected = (&json!(uid), &json!("why"), &json!("491711234567"), &json!(true));
        assert_eq!((&first["uid"], &first["action"], &first["about"], &first["masked"]), expected);
        assert_eq!(first["pid"], json!(std::process::id()));
        assert!(first["at"].as_str().unwrap().ends_with('Z'), "{first}");
        // A list in two parts is one question; what is left of its length is asked for.
        let filter = Filter { network: Some("home1".into()), ..Filter::default() };
        let asked = List { filter: filter.clone(), after: 5, limit: 3, unmasked: true };
        let (answer, parts) = tokio::join!(list(&path, &asked), async {
            let one = answered(&mut questions, json!({ "list": [1, 2], "next": 9 })).await;
            let two = answered(&mut questions, json!({ "list": [3], "next": 12 })).await;
            [one, two]
        });
        let answer = answer.unwrap();
        assert_eq!((&answer["list"], &answer["next"]), (&json!([1, 2, 3]), &json!(12)));
        for (part, (place, rest)) in parts.into_iter().zip([(5, 3), (9, 1)]) {
            let Asked::List { filter: of, from, most, sight } = part else { panic!() };
            assert_eq!((of, from, most, sight.unmasked), (filter.clone(), place, rest, true));
        }
        let asked = person("491711234567", false);
        let (ended, _) =
            tokio::join!(deregister(&path, &asked), answered(&mut questions, json!({ "outcome": "done" })));
        assert_eq!(ended.unwrap()["deregister"]["asked"], "*********567");
        // An audit of everybody is recorded, and how it stands is about nobody.
        for begin in [true, false] {
            let asked = Comparison { begin };
            let (answer, question) =
                tokio::join!(compare(&path, &asked), answered(&mut questions, json!({ "begun": begin })));
            assert_eq!(
                (&answer.unwrap()["audit"]["begun"], question),
                (&json!(begin), Asked::Audit { begin })
            );
        }
        let records = records(&file);
        let actions: Vec<_> = records.iter().map(|it| it["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["why", "show subscribers", "deregister", "deregister", "audit"]);
        assert_eq!(
            (&records[1]["masked"], &records[1]["about"]),
            (&json!(false), &json!("network home1, after 5, at most 3"))
        );
        assert_eq!((&records[2]["outcome"], &records[3]["outcome"]), (&Value::Null, &json!("done")));
    });
}

#[test]
fn a_question_that_can_t_be_recorded_is_not_answered() {
    let path = path("unrecorded");
    let directory = path.with_file_name("records");
    runtime().block_on(async {
        let (_socket, listener) = Socket::bind(&path).unwrap();
        let (ask_control, mut questions) = mpsc::channel::<Question>(1);
        fs::create_dir_all(&directory).unwrap();
        let audit = Audit::new(Some(&directory.join("audit.jsonl"))).unwrap();
        tokio::spawn(serve(listener, Arc::new(numbers()), ask_control, audit));
        fs::remove_dir_all(&directory).unwrap();
        let error = deregister(&path, &person("491711234567", false)).await.unwrap_err();
        assert!(error.to_string().contains("503") && error.to_string().contains("audit_file"), "{error}");
        assert!(questions.try_recv().is_err(), "nobody was asked");
        // Nor is one that names nobody; those are no questions about anybody, and not recorded.
        for (wrong, what) in [
            (person("12x", false), "expected an international number"),
            (Person { imsi: Some("262".into()), ..Person::default() }, "expected an IMSI"),
            (Person::default(), "expected msisdn or imsi"),
        ] {
            let error = why(&path, &wrong).await.unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
        let asked = List { filter: Filter::default(), after: 0, limit: 1_001, unmasked: false };
        assert!(list(&path, &asked).await.unwrap_err().to_string().contains("limit"));
    });
    assert!(Audit::new(Some(&directory.join("audit.jsonl"))).is_err(), "a wrong path shows at the start");
}

#[test]
fn without_a_file_the_log_is_told_with_numbers_masked() {
    use super::audit::{About, Peer, Record};
    let text = super::super::log::tests::logged(super::super::config::LogFormat::Json, || {
        let audit = Audit::new(None).unwrap();
        let about = About::Number("491711234567".parse().unwrap());
        let peer = Peer { who: Some((1_000, Some(42))) };
        let record = Record { peer, action: "why", about, masked: false, outcome: None };
        runtime().block_on(audit.record(record)).unwrap();
    });
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["target"], &json["uid"], &json["pid"]), (&json!("audit"), &json!(1_000), &json!(42)));
    assert_eq!(
        (&json["action"], &json["about"], &json["masked"]),
        (&json!("why"), &json!("*********567"), &json!(false))
    );
}

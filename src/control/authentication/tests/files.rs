//! Files of users.

use super::*;

fn parse(text: &str) -> Result<Credentials, Vec<String>> {
    let errors =
        |errors: Vec<crate::control::config::ConfigError>| errors.iter().map(ToString::to_string).collect();
    Credentials::parse(Path::new("users"), "home1.net", text).map_err(errors)
}

const HA1: &str = "939e7578ed9e3c518a452acee763bce9";

#[test]
fn a_file_of_htdigest_is_read() {
    let text =
        format!("# users\n\nalice@home1.net:home1.net:{HA1}\r\nbob:home1.net:{}\n", HA1.to_uppercase());
    let users = parse(&text).unwrap();
    assert_eq!((users.len(), users.is_empty()), (2, false));
    assert_eq!(users.ha1("bob"), users.ha1("alice@home1.net"));
    assert_eq!(users.ha1("bob").map(|ha1| ha1[0]), Some(0x93));
    assert_eq!(users.ha1("alice"), None);
    assert_eq!(format!("{users:?}"), "Credentials(2 users)");
}

#[test]
fn errors_name_line_and_field_and_no_secret() {
    let long = HA1.to_owned() + "0";
    let text = format!(
        "a\n:home1.net:{HA1}\na:else.net:{HA1}\na:home1.net:{long}\na:home1.net:{HA1}\na:home1.net:{HA1}\n"
    );
    let errors = parse(&text).unwrap_err();
    let begin: Vec<_> =
        errors.iter().map(|it| it.split(": ").take(2).collect::<Vec<_>>().join(":")).collect();
    assert_eq!(begin, ["users:1:line", "users:2:user", "users:3:realm", "users:4:ha1", "users:6:user"]);
    assert!(!errors.concat().contains(&HA1[..8]));
    assert!(errors.iter().all(|it| it.contains("; ")), "each with a remedy");
    assert_eq!(parse(&"x\n".repeat(100)).unwrap_err().len(), 21);
    for end in 0..HA1.len() {
        assert!(parse(&format!("a:home1.net:{}", &HA1[..end])).is_err());
    }
}

#[test]
fn a_file_must_be_there_and_its_owners_alone() {
    let file = std::env::temp_dir().join(format!("ipsmgw-users-{}", std::process::id()));
    let load =
        || Credentials::load(&file, "home1.net").map(|users| users.len()).map_err(|it| it[0].to_string());
    let _ = std::fs::remove_file(&file);
    assert!(load().unwrap_err().contains("cannot be read"));
    std::fs::write(&file, format!("alice:home1.net:{HA1}\n")).unwrap();
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o640);
    let error = load();
    mode(0o600);
    let users = load();
    std::fs::remove_file(&file).unwrap();
    assert!(error.unwrap_err().contains("others may use it (mode 640)"));
    assert_eq!(users, Ok(1));
}

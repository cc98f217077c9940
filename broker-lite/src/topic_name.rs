//! What a topic may be called.

/// The longest name: with partition and suffix it must fit a file's name in Apache Kafka.
const MAX_LENGTH: usize = 249;

/// The topic whose partitions' leaders are the coordinators of groups.
pub(crate) const CONSUMER_OFFSETS: &str = "__consumer_offsets";

/// Topics that Kafka keeps for itself.
const INTERNAL: [&str; 3] = [CONSUMER_OFFSETS, "__transaction_state", "__share_group_state"];

/// The log of the controllers, which is no topic that a client may have.
pub(crate) const CLUSTER_METADATA: &str = "__cluster_metadata";

/// Checks a name, with Kafka's words for what is wrong with it.
pub(crate) fn check(name: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("Topic name is invalid: {what}"));
    if name.is_empty() {
        return wrong("the empty string is not allowed");
    }
    if name == "." {
        return wrong("'.' is not allowed");
    }
    if name == ".." {
        return wrong("'..' is not allowed");
    }
    if name.len() > MAX_LENGTH {
        return wrong(&format!("the length of '{name}' is longer than the max allowed length {MAX_LENGTH}"));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        return wrong(&format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"));
    }
    Ok(())
}

/// Two topics collide if their names are the same here: metric names can't tell `.` from `_`.
pub(crate) fn collision_key(name: &str) -> String {
    name.replace('.', "_")
}

/// Whether clients see the topic as Kafka's own.
pub(crate) fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_rules_and_words() {
        assert!(check("a").is_ok() && check("A-z_0.9").is_ok() && check(&"x".repeat(249)).is_ok());
        assert_eq!(check(""), Err("Topic name is invalid: the empty string is not allowed".into()));
        assert_eq!(check("."), Err("Topic name is invalid: '.' is not allowed".into()));
        assert_eq!(check(".."), Err("Topic name is invalid: '..' is not allowed".into()));
        assert!(check(&"x".repeat(250)).unwrap_err().contains("longer than the max allowed length 249"));
        let text =
            "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
        assert_eq!(check("a b"), Err(text.into()));
        assert_eq!(collision_key("to.pic"), collision_key("to_pic"));
    }
}

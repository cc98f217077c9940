//! The error codes against those of kafka-clients 4.3.1, as its class hierarchy told them.

use crate::ErrorCode;

#[test]
fn names_and_kinds_are_javas() {
    let table = include_str!("../../tests/data/errors-4.3.1.tsv");
    let mut count = 0;
    for line in table.lines().skip(1) {
        let [code, name, retriable, metadata] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let error = ErrorCode::from_code(code.parse().unwrap());
        assert_eq!(error.name(), name);
        assert_eq!(error.code().to_string(), code);
        assert_eq!(error.is_retriable().to_string(), retriable, "{error}");
        assert_eq!(error.is_invalid_metadata().to_string(), metadata, "{error}");
        assert!(!error.message().is_empty());
        count += 1;
    }
    assert_eq!(count, ErrorCode::ALL.len());
}

#[test]
fn an_unknown_code_is_kept() {
    let error = ErrorCode::from_code(4711);
    assert_eq!((error, error.code(), error.is_retriable()), (ErrorCode::Unknown(4711), 4711, false));
    assert_eq!(error.into_result(), Err(error));
    assert_eq!(ErrorCode::from_code(0).into_result(), Ok(()));
    assert_eq!(
        ErrorCode::UnknownTopicOrPartition.to_string(),
        "UNKNOWN_TOPIC_OR_PARTITION (3): this broker has no such topic or partition"
    );
}

//! `enable.partition.eof`.

use super::*;

fn bench(at: StartAt) -> Bench {
    let settings = ConsumerSettings { partition_eof: true, ..ConsumerSettings::default() };
    let mut bench = Bench::new(settings, &[(1, 5)]);
    bench.fetcher.assign([(key(0), at)]);
    bench
}

fn end(bench: &mut Bench) -> i64 {
    let error = bench.error();
    assert_eq!((error.kind(), error.partition()), (ErrorKind::PartitionEof, Some(0)));
    error.offset().unwrap()
}

#[test]
fn each_end_that_is_reached_is_told_once_after_the_records_before_it() {
    // The last stable offset is 90.
    let mut bench = bench(StartAt::Offset(88));
    bench.feed(batch(88, 2));
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![data(0, Vec::new())]);
    assert_eq!(values(&bench.take()).len(), 2);
    assert_eq!(end(&mut bench), 90);
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![data(0, Vec::new())]);
    assert!(bench.fetcher.take().is_none(), "the same end again is no news");
    bench.fetcher.seek(&key(0), StartAt::Offset(90)).unwrap();
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![data(0, Vec::new())]);
    assert_eq!(end(&mut bench), 90, "after a seek it is");
}

#[test]
fn an_answer_without_records_before_the_end_tells_nothing() {
    let mut bench = bench(StartAt::Offset(10));
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![data(0, Vec::new())]);
    assert!(bench.fetcher.take().is_none());
}

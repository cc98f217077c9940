"""The consumer, with confluent-kafka's calls."""

import gc
import threading
import weakref

import pytest
from conftest import PATIENCE, read

import ottla
from ottla import Consumer, KafkaError, KafkaException, Message, TopicPartition


def test_a_group_reads_commits_and_goes_on(topic, produce, consumer):
    produce(topic, [str(i) for i in range(10)], partition=0)
    first = consumer(enable_auto_commit=False)
    first.subscribe([topic])
    messages = read(first, 4)
    assert [message.value() for message in messages] == [b"0", b"1", b"2", b"3"]
    [committed] = first.commit(messages[1], asynchronous=False)
    assert (committed.topic, committed.partition, committed.offset) == (topic, 0, 2)
    assert first.committed([TopicPartition(topic, 0), TopicPartition(topic, 1)], PATIENCE)[0].offset == 2
    assert first.committed([TopicPartition(topic, 1)], PATIENCE)[0].offset == ottla.OFFSET_INVALID
    assert first.position([TopicPartition(topic, 0)])[0].offset == 4
    first.commit(offsets=[TopicPartition(topic, 0, 3, metadata="mine")], asynchronous=False)
    [kept] = first.committed([TopicPartition(topic, 0)], PATIENCE)
    assert (kept.offset, kept.metadata) == (3, "mine")
    first.close()
    second = consumer(enable_auto_commit=False)
    second.subscribe([topic])
    assert [message.offset() for message in read(second, 7)] == list(range(3, 10))
    second.commit(asynchronous=False)
    assert second.committed([TopicPartition(topic, 0)], PATIENCE)[0].offset == 10


def test_close_commits_what_was_handed_out_and_no_more(topic, produce, consumer):
    produce(topic, [b"v"] * 10, partition=0)
    first = consumer()
    first.subscribe([topic])
    read(first, 3)
    first.close()
    second = consumer()
    assert second.committed([TopicPartition(topic, 0)], PATIENCE)[0].offset == 3
    with pytest.raises(RuntimeError, match="closed"):
        first.poll(0)


def test_offsets_are_stored_by_hand(topic, produce, consumer):
    produce(topic, [b"v"] * 5, partition=0)
    reader = consumer(enable_auto_offset_store=False)
    reader.subscribe([topic])
    messages = read(reader, 5)
    with pytest.raises(KafkaException) as raised:
        reader.commit(asynchronous=False)
    assert raised.value.args[0].code() == KafkaError._NO_OFFSET
    reader.store_offsets(messages[2])
    [committed] = reader.commit(asynchronous=False)
    assert committed.offset == 3


def test_rebalance_callbacks_come_while_polling_and_say_where_to_begin(topic, produce, consumer):
    produce(topic, [str(i) for i in range(10)], partition=1)
    seen, reader = [], consumer()

    def on_assign(who, partitions):
        assert who is reader
        seen.append(("assign", sorted(partition.partition for partition in partitions)))
        for partition in partitions:
            partition.offset = 7 if partition.partition == 1 else ottla.OFFSET_BEGINNING
        who.assign(partitions)

    def on_revoke(who, partitions):
        seen.append(("revoke", sorted(partition.partition for partition in partitions)))
        who.commit(asynchronous=False)
        who.unassign()

    reader.subscribe([topic], on_assign=on_assign, on_revoke=on_revoke)
    assert [message.value() for message in read(reader, 3)] == [b"7", b"8", b"9"]
    assert sorted(partition.partition for partition in reader.assignment()) == [0, 1, 2]
    reader.close()
    assert seen == [("assign", [0, 1, 2]), ("revoke", [0, 1, 2])]
    assert consumer().committed([TopicPartition(topic, 1)], PATIENCE)[0].offset == 10


def test_a_callback_that_raises_is_raised_by_poll_and_nothing_is_lost(topic, produce, consumer):
    produce(topic, [b"v"] * 3, partition=0)
    reader = consumer()

    def on_assign(who, partitions):
        raise ValueError("assigned")

    reader.subscribe([topic], on_assign=on_assign)
    with pytest.raises(ValueError, match="assigned"):
        read(reader, 1)
    assert [message.offset() for message in read(reader, 3)] == [0, 1, 2]


def test_partitions_move_to_a_second_member_and_back(topic, produce, consumer):
    one, two = consumer(), consumer()
    one.subscribe([topic])
    while len(one.assignment()) < 3:
        one.poll(0.05)
    two.subscribe([topic])
    while not two.assignment():
        one.poll(0.05)
        two.poll(0.05)
    assert len(one.assignment()) + len(two.assignment()) == 3
    two.close()
    while len(one.assignment()) < 3:
        one.poll(0.05)


def test_assigned_by_hand_seek_pause_resume(topic, produce, consumer):
    produce(topic, [str(i) for i in range(10)], partition=0)
    produce(topic, ["other"], partition=1)
    reader = consumer()
    zero, one = TopicPartition(topic, 0, ottla.OFFSET_BEGINNING), TopicPartition(topic, 1, ottla.OFFSET_BEGINNING)
    reader.assign([zero])
    assert read(reader, 1)[0].offset() == 0
    reader.seek(TopicPartition(topic, 0, 8))
    assert [message.offset() for message in read(reader, 2)] == [8, 9]
    reader.pause([zero])
    reader.seek(TopicPartition(topic, 0, 9))
    reader.incremental_assign([one])
    assert read(reader, 1)[0].value() == b"other"
    assert reader.poll(0.05) is None
    reader.resume([zero])
    assert read(reader, 1)[0].offset() == 9
    reader.incremental_unassign([one])
    assert reader.assignment() == [zero]
    reader.unassign()
    assert reader.assignment() == []
    with pytest.raises(KafkaException):
        reader.seek(TopicPartition(topic, 0, 8))


def test_an_assignment_without_offsets_begins_where_the_group_stands(topic, produce, consumer):
    produce(topic, [b"v"] * 5, partition=0)
    consumer().commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
    reader = consumer()
    reader.assign([TopicPartition(topic, 0)])
    assert read(reader, 1)[0].offset() == 4


def test_what_the_log_holds(topic, produce, consumer):
    produce(topic, [b"v"], partition=0, timestamp=1000)
    produce(topic, [b"v"], partition=0, timestamp=2000)
    reader = consumer()
    assert reader.get_watermark_offsets(TopicPartition(topic, 0), PATIENCE) == (0, 2)
    [found, none] = reader.offsets_for_times([TopicPartition(topic, 0, 1500), TopicPartition(topic, 1, 0)], PATIENCE)
    assert (found.offset, none.offset) == (1, ottla.OFFSET_END)
    assert sorted(reader.list_topics(topic, PATIENCE).topics[topic].partitions) == [0, 1, 2]
    assert reader.get_watermark_offsets(TopicPartition(topic, 0), cached=True) == (ottla.OFFSET_INVALID, ottla.OFFSET_INVALID)


def test_consume_takes_several_and_iterating_takes_all(topic, produce, consumer):
    produce(topic, [str(i) for i in range(100)], partition=0)
    reader = consumer()
    reader.subscribe([topic])
    messages = reader.consume(30, PATIENCE)
    assert [message.offset() for message in messages] == list(range(30))
    for message in reader:
        messages.append(message)
        if len(messages) == 100:
            break
    assert [message.value() for message in messages] == [str(i).encode() for i in range(100)]
    assert reader.consume(5, 0.05) == [] and reader.poll(0) is None
    with pytest.raises(ValueError):
        reader.consume(-1)


def test_messages_outlive_their_consumer(topic, produce, broker):
    produce(topic, [b"v" * 1000] * 50, key=b"k", headers=[("h", b"1"), ("h", None)], partition=0)
    with Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "g", "auto.offset.reset": "earliest"}) as reader:
        reader.subscribe([topic])
        messages = read(reader, 50)
    alive = weakref.ref(reader)
    del reader
    gc.collect()
    assert alive() is None
    for message in messages:
        assert (message.key(), message.value(), message.headers()) == (b"k", b"v" * 1000, [("h", b"1"), ("h", None)])
        assert message.timestamp()[0] == ottla.TIMESTAMP_CREATE_TIME and message.leader_epoch() is not None
        assert message.value() is message.value() and message.latency() is None


def test_what_an_application_holds_keeps_nothing_from_coming(topic, produce, consumer):
    produce(topic, [b"v" * 10_000] * 500, partition=0)
    reader = consumer(queued_max_messages_kbytes=1024)
    reader.subscribe([topic])
    assert sum(len(message) for message in read(reader, 500)) == 5_000_000


def test_what_is_wrong_with_a_partition_comes_as_a_message(consumer, topic):
    reader = consumer(auto_offset_reset="error")
    reader.assign([TopicPartition(topic, 0, 1000)])
    message = reader.poll(PATIENCE)
    assert message.error() and (message.topic(), message.partition()) == (topic, 0)
    assert message.error().str().encode() == message.value()


def test_wrong_arguments_are_named(consumer, broker):
    reader = consumer()
    for wrong in ["topic", [1], None]:
        with pytest.raises(TypeError):
            reader.subscribe(wrong)
    with pytest.raises(TypeError, match="callable"):
        reader.subscribe(["t"], on_assign=1)
    with pytest.raises(ValueError, match="group.id"):
        Consumer({"bootstrap.servers": broker.bootstrap_servers})
    with pytest.raises(TypeError):
        reader.poll("x")
    with pytest.raises(TypeError):
        reader.commit("message")
    with pytest.raises(ValueError):
        reader.assign([TopicPartition("t", 0, -5)])


def test_a_subscribed_consumer_is_not_assigned_by_hand(consumer, topic):
    reader = consumer()
    reader.subscribe([topic])
    with pytest.raises(KafkaException) as raised:
        reader.assign([TopicPartition(topic, 0)])
    assert raised.value.args[0].code() == KafkaError._STATE


def test_close_from_another_thread_ends_a_poll(consumer, topic):
    reader, ended = consumer(), threading.Event()
    reader.subscribe([topic])

    def poll():
        with pytest.raises(RuntimeError, match="closed"):
            while True:
                reader.poll()
        ended.set()

    thread = threading.Thread(target=poll)
    thread.start()
    reader.close()
    assert ended.wait(PATIENCE)
    thread.join(PATIENCE)


def test_errors_know_their_codes():
    error = KafkaError(KafkaError._QUEUE_FULL)
    assert error == KafkaError._QUEUE_FULL == -184 and error.name() == "_QUEUE_FULL" and error.str() == "Local: Queue full"
    assert str(error) == 'KafkaError{code=_QUEUE_FULL,val=-184,str="Local: Queue full"}'
    assert error < 0 and error != KafkaError.NO_ERROR and KafkaError(0) and hash(error) == hash(KafkaError(-184))
    assert KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, retriable=True).retriable()


def test_messages_can_be_made_by_tests():
    message = Message("t", 1, 2, b"k", b"v", [("h", b"1")], None, (1, 1000))
    assert (message.topic(), message.partition(), message.offset(), message.key(), message.value()) == ("t", 1, 2, b"k", b"v")
    assert message.headers() == [("h", b"1")] and message.timestamp() == (1, 1000)
    message.set_value({"any": "object"})
    message.set_key("key")
    message.set_headers([])
    message.set_error(KafkaError(-1))
    assert (message.value(), message.key(), message.headers()) == ({"any": "object"}, "key", [])
    assert message.error().code() == -1 and len(message) == 1
    empty = Message()
    parts = (empty.topic(), empty.partition(), empty.offset(), empty.value(), empty.timestamp())
    assert parts == (None, None, None, None, (0, -1))
    with pytest.raises(TypeError):
        Message(nope=1)


def test_topic_partitions_compare_by_topic_and_partition():
    assert TopicPartition("a", 1, 5) == TopicPartition("a", 1) < TopicPartition("a", 2) < TopicPartition("b", 0)
    assert {TopicPartition("a", 1)} == {TopicPartition("a", 1, 7)}


def test_what_became_of_commits_is_told(topic, produce, broker):
    produce(topic, [b"v"] * 3, partition=0)
    told = []
    config = {"bootstrap.servers": broker.bootstrap_servers, "group.id": "told", "auto.offset.reset": "earliest"}
    with Consumer(config | {"enable.auto.commit": False, "on_commit": lambda *args: told.append(args)}) as reader:

        def hear():
            before = len(told)
            while len(told) == before:
                assert reader.poll(0.1) is None
            error, partitions = told[-1]
            return error, {partition.partition: partition.offset for partition in partitions if partition.offset > 0}

        reader.subscribe([topic])
        read(reader, 3)
        reader.commit()
        assert hear() == (None, {0: 3})
        reader.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
        assert hear() == (None, {0: 1})
        broker.add_fault(api="OffsetCommit", error="GROUP_AUTHORIZATION_FAILED", times=1)
        reader.commit()
        error, where = hear()
        assert error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED and where == {0: 3}
        reader.commit(offsets=[TopicPartition(topic, 0, 2)])
    # The last one is told of by close.
    assert [partition.offset for partition in told[-1][1]] == [2]


def test_topics_are_subscribed_to_by_pattern(topic, produce, consumer, broker):
    for name in ("a", "b"):
        broker.create_topic(f"{topic}-{name}", 1)
        produce(f"{topic}-{name}", [name])
    produce(topic, [b"not this one"])
    reader = consumer()
    with pytest.raises(KafkaException) as raised:
        reader.subscribe(["^("])
    assert raised.value.args[0].code() == KafkaError._INVALID_ARG
    reader.subscribe([f"^{topic}-"])
    assert sorted(message.value() for message in read(reader, 2)) == [b"a", b"b"]

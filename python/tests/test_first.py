import ottla
from ottla.testing import Broker


def test_a_record_goes_out_and_comes_back():
    with Broker(topics={"t": 1}) as broker:
        reports = []
        producer = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers})
        producer.produce("t", b"value", key="key", on_delivery=lambda err, msg: reports.append((err, msg)), headers=[("h", b"1")])
        assert producer.flush(20) == 0
        [(err, msg)] = reports
        assert err is None
        assert (msg.topic(), msg.partition(), msg.offset(), msg.key(), msg.value()) == ("t", 0, 0, b"key", b"value")
        consumer = ottla.Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "g", "auto.offset.reset": "earliest"})
        consumer.subscribe(["t"])
        msg = consumer.poll(20)
        assert msg is not None and msg.error() is None
        assert (msg.topic(), msg.partition(), msg.offset(), msg.key(), msg.value()) == ("t", 0, 0, b"key", b"value")
        assert msg.headers() == [("h", b"1")]
        consumer.close()

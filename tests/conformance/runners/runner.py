"""The runner for Python: the package's calls as confluent-kafka's users write them. README.md tells the protocol."""

import json
import sys
import time

from ottla import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

# Longer than anything takes that works.
PATIENCE = 60


def put(line):
    print(json.dumps(line), flush=True)


def take():
    return json.loads(sys.stdin.readline() or "null")


def decoded(value):
    return None if value is None else bytes.fromhex(value)


def encoded(value):
    return None if value is None else value.hex()


def failed(error):
    return {"error": error.name(), "says": error.str()}


class Scenario:
    def __init__(self, scenario):
        self.scenario = scenario
        self.producer = None

    def run(self, step):
        [(name, argument)] = step.items()
        if name == "ask":
            put({"ask": argument})
            take()
            return
        try:
            outcome = getattr(self, name)(argument)
        except KafkaException as raised:
            outcome = failed(raised.args[0])
        put({"outcome": outcome})

    def open(self):
        if self.producer is None:
            self.producer = Producer(self.scenario["producer"])

    def produce(self, record, on_delivery):
        keywords = {name: record[name] for name in ("partition", "timestamp") if name in record}
        if "headers" in record:
            keywords["headers"] = [(name, decoded(value)) for name, value in record["headers"]]
        self.producer.produce(
            self.scenario["topic"], decoded(record["value"]), decoded(record["key"]), on_delivery=on_delivery, **keywords
        )

    def send(self, records):
        self.open()
        return [self.send_one(record) for record in records]

    def send_one(self, record):
        reports = []
        try:
            self.produce(record, lambda *report: reports.append(report))
        except KafkaException as raised:
            return failed(raised.args[0])
        self.flush()
        [(error, message)] = reports
        return failed(error) if error else {"partition": message.partition(), "offset": message.offset()}

    def send_again(self, record):
        end = time.monotonic() + PATIENCE
        while (sent := self.send_one(record)).get("error") == "_MSG_TIMED_OUT":
            assert time.monotonic() < end, sent
        return sent if "error" in sent else {"partition": sent["partition"]}

    def send_together(self, records):
        self.open()
        errors = []
        for record in records:
            self.produce(record, lambda error, _message: errors.append(error))
        self.flush()
        for error in errors:
            if error:
                return failed(error)
        return {"delivered": len(errors)}

    def flush(self):
        left = self.producer.flush(PATIENCE)
        assert left == 0, f"{left} records are not settled in time"

    def consumer(self):
        consumer = Consumer(self.scenario["consumer"])
        consumer.subscribe([self.scenario["topic"]])
        return consumer

    def read(self, count):
        return self.read_all(self.consumer(), count)

    def read_assigned(self, count):
        consumer = Consumer(self.scenario["consumer"])
        consumer.assign([TopicPartition(self.scenario["topic"], 0, OFFSET_BEGINNING)])
        return self.read_all(consumer, count)

    def read_all(self, consumer, count):
        try:
            return sorted((self.record(message) for message in self.messages(consumer, count)), key=lambda it: it["at"])
        finally:
            consumer.close()

    def messages(self, consumer, count):
        messages, end = [], time.monotonic() + PATIENCE
        while len(messages) < count:
            assert time.monotonic() < end, f"{len(messages)} of {count} records in time"
            message = consumer.poll(1)
            if message is not None and message.error():
                raise KafkaException(message.error())
            if message is not None:
                messages.append(message)
        return messages

    def record(self, message):
        return {
            "at": [message.partition(), message.offset()],
            "key": encoded(message.key()),
            "value": encoded(message.value()),
            "headers": [[name, encoded(value)] for name, value in message.headers() or []],
            "timestamp": message.timestamp()[1],
        }

    def members(self, plan):
        first, second = self.consumer(), self.consumer()
        values = {first: [], second: []}
        try:
            self.poll(values, lambda: [len(one.assignment()) for one in values] == [1, 1])
            self.send(plan["while_both"])
            self.poll(values, lambda: sum(map(len, values.values())) == len(plan["while_both"]))
            shares = sorted(sorted(one) for one in values.values())
            first.close()
            del values[first]
            values[second] = []
            self.poll(values, lambda: len(second.assignment()) == 2)
            self.send(plan["when_one_left"])
            self.poll(values, lambda: len(values[second]) >= len(plan["when_one_left"]))
            return {"shares": shares, "left_to_one": sorted(values[second])}
        finally:
            for one in values:
                one.close()

    def poll(self, values, until):
        end = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < end, f"in time: {values.values()}"
            for consumer, got in values.items():
                message = consumer.poll(0.02)
                if message is not None and message.error():
                    raise KafkaException(message.error())
                if message is not None:
                    got.append(encoded(message.value()))

    def close(self):
        if self.producer is not None:
            self.producer.close(PATIENCE)


def main():
    # Errors that pass by themselves go to a logger else, and from there to standard error.
    while (scenario := take()) is not None:
        running = Scenario(scenario)
        for step in scenario["steps"]:
            running.run(step)
        running.close()


main()

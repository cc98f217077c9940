"""The plugin, the script, the demo, and what is written down twice."""

import pathlib
import signal
import subprocess
import sys

import pytest
from conftest import PATIENCE

import ottla
from ottla import _codes, _ottla
from ottla.testing import Broker

ROOT = pathlib.Path(__file__).parent.parent


def test_the_plugins_fixture(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import ottla\n"
        "def test_it(ottla_broker):\n"
        "    producer = ottla.Producer({'bootstrap.servers': ottla_broker.bootstrap_servers})\n"
        "    producer.produce('t', b'v')\n"
        "    assert producer.flush(20) == 0\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "ottla._pytest_plugin", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_broker_script():
    command = [sys.executable, "-m", "ottla._broker_script", "--topic", "made:2", "--partitions", "3"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT)})
    servers = process.stdout.readline().strip()
    topics = ottla.Producer({"bootstrap.servers": servers}).list_topics(timeout=PATIENCE).topics
    assert len(topics["made"].partitions) == 2
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_the_demo(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "lines").write_bytes(b"one\r\ntwo\n\nfour\x00\xff")
    command = [sys.executable, str(ROOT / "examples" / "demo.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0 and "byte for byte" in done.stdout, done.stderr


def test_codes_are_the_native_modules():
    written = {name: code for name, code in vars(_codes.Codes).items() if isinstance(code, int) and not name.startswith("__")}
    assert written == {name: code for code, name, _ in _ottla.error_codes()}
    assert ottla.KafkaError._MSG_TIMED_OUT == -192


def test_a_broker_stops_and_comes_back_where_it_was():
    with Broker(topics={"t": 1}, journal=100) as broker:
        producer = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers})
        producer.produce("t", b"1")
        assert producer.flush(PATIENCE) == 0
        broker.stop_broker(1)
        producer.produce("t", b"2")
        assert producer.flush(0.05) == 1
        broker.restart()
        assert producer.flush(PATIENCE) == 0
        assert broker.requests("Produce") >= 2
    with pytest.raises(ottla.KafkaException, match="no.such.property"):
        Broker(config={"no.such.property": 1})

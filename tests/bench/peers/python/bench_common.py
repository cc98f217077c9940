"""What the Python programs of the benchmarks share: their command line, and the figures of a run.

    CLIENT.py MODULE CASE --bootstrap-servers B --topic T --records N [--value-size 100] [--linger-ms 5] [--acks all]
"""

import argparse
import json
import resource
import time

PARTITIONS_WITHIN = 30.0
BATCH_SIZE = 16384


def arguments(cases):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", help="the one to import: the program is the same for both")
    parser.add_argument("case", choices=cases)
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--value-size", type=int, default=100)
    parser.add_argument("--linger-ms", type=int, default=5)
    parser.add_argument("--acks", default="all")
    return parser.parse_args()


def java_acks(acks):
    """As kafka-python and aiokafka take it."""
    return acks if acks == "all" else int(acks)


class Meter:
    """The process' CPU, all its threads' user and system time, and the clock, from where it is made to ``done``."""

    def __init__(self):
        self._cpu, self._clock = self._used(), time.perf_counter()

    @staticmethod
    def _used():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def done(self, options, version):
        seconds, cpu = time.perf_counter() - self._clock, self._used() - self._cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures = {
            "case": options.case,
            "client": options.module,
            "version": version,
            "records_per_s": round(options.records / seconds),
            "cpu_us_per_record": round(cpu * 1e6 / options.records, 4),
            "max_rss_mb": round(peak, 1),
        }
        print(json.dumps(figures), flush=True)

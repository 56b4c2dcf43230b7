"""Writes trainer/tensorboard/testdata/events by the tensorboard package, and reads it with it."""

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from common import testdata


def main():
    path = testdata("trainer/tensorboard", "events")
    with open(path, "wb") as f:
        w = RecordWriter(f)
        w.write(Event(wall_time=0, file_version="brain.Event:2").SerializeToString(deterministic=True))
        for step, seconds, scalars in [(1, 0.5, {"loss": 2.5}), (2, 1.25, {"loss": 1.75, "lr": 2e-5}),
                                       (300, 99, {"validation/loss": 0.125})]:
            values = [Summary.Value(tag=k, simple_value=v) for k, v in scalars.items()]
            w.write(Event(wall_time=seconds, step=step, summary=Summary(value=values))
                    .SerializeToString(deterministic=True))
        w.flush()
    assert len(list(EventFileLoader(path).Load())) == 4
    print("wrote", path)


main()

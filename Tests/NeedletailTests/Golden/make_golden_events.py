"""Prints the bytes of a TensorBoard event file, as tensorboard writes it, for InspectionTests.eventsAreTensorBoards."""

import io

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

file = io.BytesIO()
writer = RecordWriter(file)
writer.write(event_pb2.Event(wall_time=1.5, file_version="brain.Event:2").SerializeToString())
value = summary_pb2.Summary.Value(tag="val_loss", simple_value=0.1)
event = event_pb2.Event(wall_time=2.25, step=300, summary=summary_pb2.Summary(value=[value]))
writer.write(event.SerializeToString())
print(file.getvalue().hex())

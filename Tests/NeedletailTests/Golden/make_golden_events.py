"""Prints the bytes of TensorBoard event files, as tensorboard writes them, for InspectionTests and TensorBoardTests."""

import io

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


def print_file(*events):
    file = io.BytesIO()
    writer = RecordWriter(file)
    for event in events:
        writer.write(event.SerializeToString())
    print(file.getvalue().hex())


def summary(**value):
    return summary_pb2.Summary(value=[summary_pb2.Summary.Value(**value)])


print_file(
    event_pb2.Event(wall_time=1.5, file_version="brain.Event:2"),
    event_pb2.Event(wall_time=2.25, step=300, summary=summary(tag="val_loss", simple_value=0.1)),
)
# 0.5 and 1.5 in thirty buckets. A number that is 0 would be left out.
histogram = summary_pb2.HistogramProto(min=0.5, max=1.5, num=2, sum=2, sum_squares=2.5)
step = 1 / 30
histogram.bucket_limit.extend([0.5 + (place + 1) * step for place in range(29)] + [1.5])
histogram.bucket.extend([1] + 28 * [0] + [1])
print_file(event_pb2.Event(wall_time=2.25, step=3, summary=summary(tag="weights/a", histo=histogram)))
# Any bytes whose header says 5 x 7 pixels.
png = bytes(16) + bytes([0, 0, 0, 5, 0, 0, 0, 7, 8, 2])
image = summary_pb2.Summary.Image(height=7, width=5, colorspace=3, encoded_image_string=png)
print_file(event_pb2.Event(wall_time=2.25, step=3, summary=summary(tag="predictions", image=image)))
text = summary(tag="settings", metadata=summary_pb2.SummaryMetadata())
text.value[0].metadata.plugin_data.plugin_name = "text"
text.value[0].tensor.dtype = 7
text.value[0].tensor.tensor_shape.dim.add().size = 1
text.value[0].tensor.string_val.append(b"| a | b |")
print_file(event_pb2.Event(wall_time=2.25, step=3, summary=text))
start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
print_file(event_pb2.Event(wall_time=2.25, step=3, session_log=start))

"""Says what Google's protobuf and the descriptions in NVIDIA's client hold of this server's protobuf code.

    pip install "tritonclient[grpc]" grpcio-tools grpcio-health-checking grpcio-reflection

Reads one JSON object from standard input: "files" is a FileDescriptorSet in hex, "cases" a list of [message type, message in
hex]. Writes one: "differences" between the given and the known descriptions, and for each case the message written again
with its maps in order, "unknown fields" where it has such, or null where the bytes are no such message. (A library may take
an entry of a map with unknown fields as a whole for unknown, or not.)
"""

import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tritonclient.grpc import model_config_pb2, service_pb2

question = json.load(sys.stdin)
files = descriptor_pb2.FileDescriptorSet.FromString(bytes.fromhex(question["files"]))
pool = descriptor_pool.DescriptorPool()
for file in files.file:
    pool.Add(file)
differences = []


def compare(where, ours, known):
    if ours != known:
        differences.append(f"{where}: {ours!r}, known as {known!r}")


def describe(field):
    kind = field.message_type or field.enum_type
    oneof = field.containing_oneof
    return (
        field.name,
        field.number,
        field.type,
        getattr(field, "is_repeated", None) if hasattr(field, "is_repeated") else field.label == 3,
        kind.full_name if kind else None,
        oneof.name if oneof else None,
        field.json_name,
        field.is_packed if hasattr(field, "is_packed") else None,
    )


def compare_enum(ours, known):
    compare(ours.full_name, [(v.name, v.number) for v in ours.values], [(v.name, v.number) for v in known.values])


def compare_message(ours, known):
    name = ours.full_name
    compare(f"{name} fields", {f.number: describe(f) for f in ours.fields}, {f.number: describe(f) for f in known.fields})
    compare(f"{name} oneofs", sorted(o.name for o in ours.oneofs), sorted(o.name for o in known.oneofs))
    compare(f"{name} map entry", ours.GetOptions().map_entry, known.GetOptions().map_entry)
    compare(f"{name} messages", sorted(ours.nested_types_by_name), sorted(known.nested_types_by_name))
    compare(f"{name} enums", sorted(ours.enum_types_by_name), sorted(known.enum_types_by_name))
    for nested in known.nested_types:
        if nested.name in ours.nested_types_by_name:
            compare_message(ours.nested_types_by_name[nested.name], nested)
    for enum in known.enum_types:
        if enum.name in ours.enum_types_by_name:
            compare_enum(ours.enum_types_by_name[enum.name], enum)


def describe_method(method):
    proto = descriptor_pb2.MethodDescriptorProto()
    method.CopyToProto(proto)
    return proto.name, proto.input_type, proto.output_type, proto.client_streaming, proto.server_streaming


def compare_file(name, known, exact):
    ours = pool.FindFileByName(name)
    compare(f"{name} package", ours.package, known.package)
    if exact:
        compare(f"{name} messages", sorted(ours.message_types_by_name), sorted(known.message_types_by_name))
        compare(f"{name} enums", sorted(ours.enum_types_by_name), sorted(known.enum_types_by_name))
    for key, type_ in known.message_types_by_name.items():
        if key in ours.message_types_by_name:
            compare_message(ours.message_types_by_name[key], type_)
    for key, enum in known.enum_types_by_name.items():
        compare_enum(ours.enum_types_by_name[key], enum)
    for key, service in known.services_by_name.items():
        mine = [describe_method(m) for m in ours.services_by_name[key].methods]
        theirs = [describe_method(m) for m in service.methods]
        compare(f"{name} {key}", [m for m in mine if exact or m in theirs], theirs)


compare_file("model_config.proto", model_config_pb2.DESCRIPTOR, True)
compare_file("grpc_service.proto", service_pb2.DESCRIPTOR, True)
# The released health checking package may be older than procedure List.
compare_file("grpc/health/v1/health.proto", health_pb2.DESCRIPTOR, False)
compare_file("grpc/reflection/v1alpha/reflection.proto", reflection_pb2.DESCRIPTOR, True)
pool.FindFileByName("grpc/reflection/v1/reflection.proto")

known_pool = service_pb2.DESCRIPTOR.pool
results = []
for type_name, text in question["cases"]:
    class_ = message_factory.GetMessageClass(known_pool.FindMessageTypeByName(type_name))
    try:
        parsed = class_.FromString(bytes.fromhex(text))
        whole = parsed.ByteSize()
        parsed.DiscardUnknownFields()
        known = parsed.ByteSize() == whole
        results.append(parsed.SerializeToString(deterministic=True).hex() if known else "unknown fields")
    except message.DecodeError:
        results.append(None)

json.dump({"differences": differences, "results": results}, sys.stdout)

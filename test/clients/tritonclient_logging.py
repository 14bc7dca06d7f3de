"""Reads and changes log settings with NVIDIA's client library, over HTTP or gRPC.

    python test/clients/tritonclient_logging.py http 127.0.0.1:8000
    python test/clients/tritonclient_logging.py grpc 127.0.0.1:8001

The server runs without options of the log.
"""

import sys

import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from tritonclient.utils import InferenceServerException

from checks import check, equal, run

http = sys.argv[1] == "http"

INITIAL = {
    "log_file": "",
    "log_info": True,
    "log_warning": True,
    "log_error": True,
    "log_verbose_level": 0,
    "log_format": "default",
}


def plain(answer):
    """What either client gives, as one object."""
    if http:
        return answer
    values = {}
    for name, value in answer.settings.items():
        values[name] = getattr(value, value.WhichOneof("parameter_choice"))
    return values


def changed(client, settings):
    return plain(client.update_log_settings(settings))


def refused(status, message, client, settings):
    try:
        client.update_log_settings(settings)
    except InferenceServerException as error:
        equal((error.status(), error.message()), (status, message))
    else:
        raise AssertionError(f"no error: {message}")


@check
def they_are_told(client):
    equal(plain(client.get_log_settings()), INITIAL)
    if http:
        equal(list(client.get_log_settings()), list(INITIAL), "order")


@check
def they_change_one_by_one_and_stay(client):
    expected = dict(INITIAL)
    changes = (
        {"log_info": False},
        {"log_warning": False, "log_error": False},
        {"log_verbose_level": 2},
        {"log_format": "ISO8601"},
        {"log_format": "json"},
    )
    for change in changes:
        expected.update(change)
        equal(changed(client, change), expected, "answer")
        equal(plain(client.get_log_settings()), expected, "after")
    equal(changed(client, {}), expected, "no change")


@check
def mistakes_say_what_is_wrong(client):
    file = "log file location can not be updated through network protocol"
    refused("501" if http else "StatusCode.UNIMPLEMENTED", file, client, {"log_file": "/tmp/log"})
    if http:
        refused("500", "attempt to access JSON non-boolean as boolean", client, {"log_info": 1})
        refused("503", "invalid argument for --log_format, got: xml", client, {"log_format": "xml"})
    else:
        invalid = "StatusCode.INVALID_ARGUMENT"
        refused(invalid, "invalid argument for log_format, got: xml", client, {"log_format": "xml"})


@check
def what_stands_before_a_mistake_stays(client):
    try:
        client.update_log_settings({"log_format": "xml", "log_verbose_level": 1, "log_info": True})
    except InferenceServerException:
        pass
    found = plain(client.get_log_settings())
    equal((found["log_format"], found["log_verbose_level"], found["log_info"]), ("json", 1, True))


@check
def the_server_names_the_extension(client):
    metadata = client.get_server_metadata()
    assert "logging" in (metadata["extensions"] if http else metadata.extensions)


@check
def they_can_be_set_back(client):
    equal(changed(client, {name: value for name, value in INITIAL.items() if name != "log_file"}), INITIAL)


run((httpclient if http else grpcclient).InferenceServerClient(sys.argv[2]))

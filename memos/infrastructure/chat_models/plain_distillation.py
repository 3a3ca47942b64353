"""Distillations as they travel between processes: of the builtin types only, and what memories say never in clear."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from memos.infrastructure.chat_models.adapter_files import AdapterFiles
from memos.infrastructure.chat_models.adapting import (
    DistillationJob,
    DistillationSettings,
    DistilledAdapter,
    Evaluation,
    LessonMemory,
    Probe,
    Role,
    Thresholds,
)
from memos.infrastructure.chat_models.plain_prompt import raise_told
from memos.infrastructure.keys.envelope import decrypt, encrypt

_JOB, _PROBES, _FILES = b"memos/job/v1", b"memos/probes/v1", b"memos/adapter-files/v1"
_SEALED, _CONFIGURATION, _WEIGHTS = "sealed", "configuration", "weights"


def seal_job(job: DistillationJob, key: bytes) -> bytes:
    """A job, sealed: what is as long as memories are may be put on a disk on its way, and the key is not.

    Args:
        job: what is to be learnt.
        key: 32 bytes, which travel beside it.
    """
    told = asdict(job)
    told["seal"] = job.seal.hex()
    for memory in told["memories"]:
        memory["digest"] = memory["digest"].hex()
    return encrypt(key, json.dumps(told).encode(), _JOB)


def open_job(box: bytes, key: bytes) -> DistillationJob:
    """What `seal_job` was given.

    Raises:
        Damaged: it does not open.
    """
    told = json.loads(decrypt(key, box, _JOB))
    memories = tuple(
        LessonMemory(
            **{**memory, "digest": bytes.fromhex(memory["digest"]), "role": Role(memory["role"])}
        )
        for memory in told["memories"]
    )
    settings = told["settings"]
    thresholds = Thresholds(**settings["thresholds"])
    return DistillationJob(
        **{
            **told,
            "seal": bytes.fromhex(told["seal"]),
            "memories": memories,
            "settings": DistillationSettings(**{**settings, "thresholds": thresholds}),
        }
    )


def plain_adapter(adapter: DistilledAdapter) -> dict[str, Any]:
    """What became of a job, for `adapter_of`."""
    return asdict(adapter)


def adapter_of(plain: Mapping[str, Any]) -> DistilledAdapter:
    """What `plain_adapter` was given.

    Raises:
        DistillationRefused, InvalidInput, ModelUnavailable: it is what `plain_error` made.
    """
    raise_told(plain)
    evaluation = plain["evaluation"]
    refusals = tuple(evaluation["refusals"])
    return DistilledAdapter(
        **{**plain, "evaluation": Evaluation(**{**evaluation, "refusals": refusals})}
    )


def seal_probes(probes: Sequence[Probe], key: bytes) -> dict[str, Any]:
    """What an adapter said, sealed as its job was, for `open_probes`."""
    told = json.dumps([asdict(probe) for probe in probes])
    return {_SEALED: encrypt(key, told.encode(), _PROBES)}


def open_probes(plain: Mapping[str, Any], key: bytes) -> tuple[Probe, ...]:
    """What `seal_probes` was given.

    Raises:
        Damaged: it does not open.
        DistillationRefused, InvalidInput, ModelUnavailable: it is what `plain_error` made.
    """
    raise_told(plain)
    return tuple(Probe(**probe) for probe in json.loads(decrypt(key, plain[_SEALED], _PROBES)))


def seal_files(files: AdapterFiles, key: bytes) -> dict[str, Any]:
    """The files of an adapter, sealed, for `open_files`."""
    return {
        _CONFIGURATION: encrypt(key, files.configuration.encode(), _FILES),
        _WEIGHTS: encrypt(key, files.weights, _FILES),
    }


def open_files(plain: Mapping[str, Any], key: bytes) -> AdapterFiles:
    """What `seal_files` was given.

    Raises:
        Damaged: it does not open.
        InvalidInput, ModelUnavailable: it is what `plain_error` made.
    """
    raise_told(plain)
    configuration = decrypt(key, plain[_CONFIGURATION], _FILES).decode()
    return AdapterFiles(configuration, decrypt(key, plain[_WEIGHTS], _FILES))

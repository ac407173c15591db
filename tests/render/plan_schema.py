"""Makes schemas/plan.schema.json from the model: `python -m tests.render.plan_schema` writes it."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from orgform.codec import encode_pretty
from orgform.model import Plan

FILE = Path(__file__).parents[2] / "schemas" / "plan.schema.json"

# What a reader of a plan must know of a field and its name does not say.
MEANING = {
    "Plan.format": "Name and version of this format; a reader refuses what it does not know.",
    "Plan.tool_version": "Version of orgform that made the plan.",
    "Plan.config_digest": "Digest of the config that was planned: equal for configs that mean the same.",
    "Plan.base": "What the config was compared with to tell a change of the config from drift.",
    "Plan.targets": "The live systems, by the name that the config gives them.",
    "Plan.summary": "How many: create, update, delete, manual, waiting, unmanaged.",
    "Plan.changes": "In the order in which they are applied.",
    "Plan.manual_steps": "What people do, since no API does it; each after what it needs.",
    "Plan.waiting": "Changes that an API does once people have done the steps that they wait for, and what is left out with a target.",
    "Waiting.waits_for": "The steps, or what the change refers to in a target that could not be read.",
    "Waiting.left_out": "Targets that could not be read, and with which the change is left out.",
    "Plan.attested": "What nobody can read and somebody gave their word for.",
    "ManualStep.values": "What to enter, under the platform's own words.",
    "ManualStep.where": "The way through the platform's pages.",
    "ManualStep.command": "What attests that it was done; empty where the next plan reads it back.",
    "ManualStep.waits_for": "Addresses of what comes first.",
    "Plan.unmanaged": "Live resources that the config does not name; left alone.",
    "Plan.observed": "What is worth knowing and never planned.",
    "Plan.access": "Effective access that people gain and lose by the plan.",
    "AccessDelta.unclear": "Known after the plan, of somebody who is there with a role that nothing shows.",
    "AccessItem.role": "Empty where nothing shows which one it is.",
    "Plan.guards": "Every guard's verdict; one that refuses stops an apply.",
    "Plan.costs": "Changes that cost money.",
    "Plan.estimate": "What an apply takes.",
    "Plan.ledger": "What an apply remembers besides its changes.",
    "Plan.diagnostics": "Warnings and remarks about the config and the plan.",
    "Plan.signature": "Signature of the document; null where it is not signed.",
    "Change.action": "What is done to the resource.",
    "Change.target": "Name of the live system.",
    "Change.address": "kind/key",
    "Change.origin": "Who caused it: config (the repo changed), drift (the live system changed), conflict (both), new (never applied).",
    "Change.before": "Managed attributes as they are live; null where the resource does not exist.",
    "Change.after": "Managed attributes as they will be; null where the resource goes.",
    "Change.fields": "What differs, by dotted path, each with its origin.",
    "Change.precondition": "Fingerprint of the managed fields that the change was judged on; null: it must not exist.",
    "Change.reversible": "Whether nothing is lost for good; `undo` says more.",
    "Change.undo": "How far an undo takes it back: all of it, all but what it `loses`, or nothing. In an undo: how far it takes back.",
    "Change.loses": "What nothing brings back, as sentences.",
    "Plan.undoes": "The run that this plan takes back; null where it is no undo.",
    "Undoes.left": "What of the run is left alone, and why.",
    "Undoes.undone": "How many changes of the run are as before already.",
    "Undoes.not_done": "How many changes of the run were never done.",
    "Undoes.by_hand": "How many steps the run left to people; what they did is not taken back.",
    "Change.risk": "additive, modifying or destructive.",
    "Change.attribution": "Who changed the live system, where its audit log tells.",
    "Change.because": "Sentences for people.",
    "Change.moved_from": "Old address, where the change renames.",
    "Change.label": "Name that people know the resource by.",
    "Change.source": "Place in the config: file:line:column.",
    "GuardVerdict.items": "Addresses, or sentences about a collection.",
    "GuardVerdict.setting": "The policy that decides.",
    "GuardVerdict.override": "The exact words that let it pass.",
    "PlanTarget.complete": "Whether everything could be read.",
    "PlanTarget.problem": "Why nothing of it could be read; empty where it was.",
    "PlanTarget.system": "The live system's own address, free of secrets.",
}


def plan_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of `orgform.plan/1`."""
    generated = msgspec.json.schema(Plan)
    definitions = {name: _described(name, body) for name, body in sorted(generated["$defs"].items())}
    plan = definitions.pop("Plan")
    plan["required"] = sorted({*plan["required"], "format", "changes", "guards", "access", "diagnostics"})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:orgform:plan:1",
        **plan,
        "title": "orgform.plan/1",
        "description": "What an apply would do: the ordered changes with everything needed to judge and to apply them.",
        "$defs": definitions,
    }


def _described(name: str, body: dict[str, Any]) -> dict[str, Any]:
    properties = {key: _field(f"{name}.{key}", value) for key, value in body.get("properties", {}).items()}
    described = {**body, "properties": properties} if properties else dict(body)
    if "description" in described:
        described["description"] = cleandoc(described["description"])
    return described


def _field(path: str, value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "description": MEANING[path]} if path in MEANING else value


if __name__ == "__main__":
    FILE.write_bytes(encode_pretty(plan_schema()))

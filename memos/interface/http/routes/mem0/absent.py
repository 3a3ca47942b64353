"""What mem0's client calls and a vault has no part in: refused by name, before anything is read."""

from __future__ import annotations

from http import HTTPStatus
from typing import NoReturn

from fastapi import APIRouter, Request

from memos.interface.http.problems import Refusal

router = APIRouter()

ABSENT = (
    ("users", "GET", "/v1/entities/"),
    ("delete_users", "DELETE", "/v2/entities/{entity:path}/"),
    ("get_profile", "GET", "/v2/entities/user/{entity_id:path}/profile/"),
    ("generate_profile or sample_profiles", "POST", "/v2/profiles/jobs/"),
    ("get_profile_job", "GET", "/v2/profiles/jobs/{job_id:path}/"),
    ("get_profile_settings", "GET", "/v2/profiles/settings/"),
    ("update_profile_settings", "POST", "/v2/profiles/settings/"),
    ("create_memory_export", "POST", "/v1/exports/"),
    ("get_memory_export", "POST", "/v1/exports/get/"),
    ("get_summary", "POST", "/v1/summary/"),
    ("feedback", "POST", "/v1/feedback/"),
    ("get_webhooks", "GET", "/api/v1/webhooks/projects/{project_id:path}/"),
    ("create_webhook", "POST", "/api/v1/webhooks/projects/{project_id:path}/"),
    ("update_webhook", "PUT", "/api/v1/webhooks/{webhook_id}/"),
    ("delete_webhook", "DELETE", "/api/v1/webhooks/{webhook_id}/"),
    ("project.get_members", "GET", "/api/v1/orgs/{project:path}/members/"),
    ("project.add_member", "POST", "/api/v1/orgs/{project:path}/members/"),
    ("project.update_member", "PUT", "/api/v1/orgs/{project:path}/members/"),
    ("project.remove_member", "DELETE", "/api/v1/orgs/{project:path}/members/"),
    ("project.get or get_project", "GET", "/api/v1/orgs/{project:path}/"),
    ("project.create", "POST", "/api/v1/orgs/{project:path}/"),
    ("project.update or update_project", "PATCH", "/api/v1/orgs/{project:path}/"),
    ("project.delete", "DELETE", "/api/v1/orgs/{project:path}/"),
)
"""Calls of mem0's client, each with its method and path; the more special paths first."""


async def absent(request: Request) -> NoReturn:
    """Refuse a call by its name.

    Raises:
        Refusal: always.
    """
    raise Refusal(
        HTTPStatus.NOT_IMPLEMENTED,
        "not-implemented",
        f"this server has no {request.scope['route'].name} for mem0's client: docs/compat.md says which "
        "calls it has",
    )


for name, method, path in ABSENT:
    router.add_api_route(path, absent, methods=[method], name=name, response_model=None)

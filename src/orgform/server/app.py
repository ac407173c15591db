"""The admin API as an ASGI application: which request goes where.

Which company a request is about, and who asks, is decided in one place: the `identify` that the application is made with.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.routing import BaseRoute, Route

from orgform.kinds import Kinds
from orgform.server import openapi
from orgform.server.door import Door, Handler, Identify, not_routed
from orgform.server.service import Service
from orgform.server.store import Store
from orgform.server.tokens import client_of, whoami
from orgform.server.verification import Resolver, Verification
from orgform.server.work import Caller

LARGEST_BODY = 16 * 1024 * 1024


def create_app(
    store: Store,
    kinds: Kinds,
    *,
    identify: Identify | None = None,
    invite: bool = False,
    inline: bool = False,
    largest_body: int = LARGEST_BODY,
    public: Sequence[BaseRoute] = (),
    resolver: Resolver | None = None,
) -> Starlette:
    """The application over `store`.

    `identify` tells company and actor of a request (default: the company `default`). `invite`: new members are invited until they
    accept; otherwise active at once. `inline`: handlers run in the event loop's own thread and never wait, which lets
    `providers.http.InProcessTransport` drive the application without an event loop; a server leaves it off. `public`: further routes
    that nobody has to identify for (`/healthz`). `resolver`: who is asked about DNS (default: whom the machine asks).
    """
    service = Service(store, kinds, invite=invite)
    door = Door(identify or default_caller, inline=inline, largest_body=largest_body)
    collection: dict[str, Handler] = {"GET": service.list_resources, "POST": service.create_resource}
    single: dict[str, Handler] = {"GET": service.get_resource, "PATCH": service.update_resource, "DELETE": service.delete_resource}
    # Tried in this order: what is asked most comes first.
    routes = [
        door.route("/v1/whoami", {"GET": whoami(store)}),
        door.route("/v1/batch", {"POST": service.batch}),
        door.route("/v1/audit-events", {"GET": service.list_audit_events}),
        door.route("/v1/{collection}", collection),
        *verification_routes(door, Verification(store, service.shapes, resolver or Resolver())),
        door.route("/v1/{collection}/{key:path}", single),
        door.route(openapi.PATH, {"GET": openapi.Description(kinds).answer}, public=True),
        *public,
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: not_routed})
    app.router.redirect_slashes = False
    return app


def verification_routes(door: Door, verification: Verification) -> list[Route]:
    """`POST .../verify`. Where a kind has nothing to verify, `verify` may be a name like any other: every other method is about that."""
    routes = [
        door.route(f"/v1/{api}/{{key:path}}/verify", {"POST": partial(verification.verify, collection=api)})
        for api in verification.collections
    ]
    other = door.route("/v1/{collection}/{key:path}/verify", {"POST": verification.verify})
    other.methods = {"POST"}
    return [*routes, other]


def default_caller(request: HttpRequest) -> Caller:
    """One company, nobody in particular."""
    return Caller("default", "anonymous", client_of(request.headers))

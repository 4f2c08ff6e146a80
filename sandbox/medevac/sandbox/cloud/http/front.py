"""The front: aiohttp on one side, plain calls and answers on the other, fault orders in between."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus

from aiohttp import web

from medevac.sandbox.cloud.http import (
    inventory,
    keystone,
    microversions,
    migrations,
    placement,
    server_actions,
    servers,
    services,
)
from medevac.sandbox.cloud.http.call import Answer, Call, Handler, Route
from medevac.sandbox.cloud.http.tokens import Tokens
from medevac.sandbox.cloud.model.errors import Refusal
from medevac.sandbox.cloud.model.mishaps import Order
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.power.bmc import Bmc

_SILENCE_SECONDS = 3600.0
_NOVA_FAULTS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    503: "serviceUnavailable",
}
_GUARDED = (
    *services.ROUTES,
    *servers.ROUTES,
    *server_actions.ROUTES,
    *migrations.ROUTES,
    *inventory.ROUTES,
)

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
Guard = Callable[[Call], Mapping[str, str]]
"""Checks a call before its handler, and returns headers that every answer gets."""


class Front:
    """The public HTTP face of one simulated cloud."""

    def __init__(self, world: World, bmc: Bmc) -> None:
        """Serve *world*."""
        self.world = world
        self.bmc = bmc
        self.tokens = Tokens(world)

    def application(self) -> web.Application:
        """Return the application for the public port: /identity, /compute, /image, /placement."""
        app = _new_application()
        self._add(app, "/identity", keystone.ROUTES, _open)
        self._add(app, "/compute", microversions.OPEN_ROUTES, _open)
        self._add(app, "/compute/v2.1", _GUARDED, _compute_guard)
        self._add(app, "/image", inventory.OPEN_IMAGE_ROUTES, _open)
        self._add(app, "/image", inventory.IMAGE_ROUTES, _image_guard)
        self._add(app, "/placement", placement.ROUTES, _open)
        return app

    def side_application(self, routes: Iterable[Route]) -> web.Application:
        """Return the application for the side door, which is neither counted nor disturbed."""
        app = _new_application()
        for method, path, handler in routes:
            app.router.add_route(method, f"/_sandbox{path}", self._undisturbed(handler))
        return app

    def _add(self, app: web.Application, root: str, routes: Iterable[Route], guard: Guard) -> None:
        for method, path, handler in routes:
            serve = self._disturbed(f"{method} {root}{path}", handler, guard)
            app.router.add_route(method, root + path, serve)
            if not path or path.startswith("/v"):  # clients ask for the roots with and without a slash
                app.router.add_route(method, f"{root}{path}/", serve)

    def _undisturbed(self, handler: Handler) -> Serve:
        async def serve(request: web.Request) -> web.Response:
            call = self._call(request, await request.text())
            return _respond(call, self._carry_out(call, handler, _open), {})

        return serve

    def _disturbed(self, label: str, handler: Handler, guard: Guard) -> Serve:
        async def serve(request: web.Request) -> web.StreamResponse:
            text = await request.text()
            with self.world.settled():
                self.world.requests[label] += 1
                order = self.world.mishaps.strike(self.world.now, request.method, request.path, text)
            if order is not None:
                await _before(order, request)
            call = self._call(request, text)
            answer = self._carry_out(call, handler, guard)
            if answer.delay:
                await asyncio.sleep(answer.delay)
            if order is not None and (order.kind in ("lost", "silent") or order.after):
                answer = await _after(order, request)
            return _respond(call, answer, {})

        return serve

    def _call(self, request: web.Request, text: str) -> Call:
        return Call(
            world=self.world,
            bmc=self.bmc,
            tokens=self.tokens,
            method=request.method,
            path=request.path,
            headers=request.headers,
            query=request.query,
            queries=lambda name: request.query.getall(name, []),
            body=_parse(text),
            base=f"http://{request.host}",
            request_id="",
            parts=request.match_info,
        )

    def _carry_out(self, call: Call, handler: Handler, guard: Guard) -> Answer:
        with self.world.settled():
            call.request_id = f"req-{self.world.new_id()}"
            headers: Mapping[str, str] = {}
            try:
                headers = guard(call)
                answer = handler(call)
            except Refusal as refusal:
                answer = _refuse(call, refusal)
            return Answer(answer.body, answer.status, {**headers, **answer.headers}, answer.delay)


def _new_application() -> web.Application:
    return web.Application(client_max_size=64 * 1024 * 1024)


def _open(_call: Call) -> Mapping[str, str]:
    return {}


def _compute_guard(call: Call) -> Mapping[str, str]:
    call.token = keystone.require_token(call)
    call.version = microversions.negotiate(call.headers, call.world.settings.max_microversion)
    return microversions.headers_for(call.version)


def _image_guard(call: Call) -> Mapping[str, str]:
    call.token = keystone.require_token(call)
    return {}


def _parse(text: str) -> object:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _refuse(call: Call, refusal: Refusal) -> Answer:
    code = int(refusal.status)
    if code == HTTPStatus.UNAUTHORIZED or call.path.startswith("/identity"):
        body: dict[str, object] = {"code": code, "message": refusal.message, "title": refusal.status.phrase}
        return Answer({"error": body}, code, {"WWW-Authenticate": f"Keystone uri='{call.base}/identity'"})
    return Answer({_NOVA_FAULTS.get(code, "computeFault"): {"code": code, "message": refusal.message}}, code)


def _respond(call: Call, answer: Answer, extra: Mapping[str, str]) -> web.Response:
    headers = {"x-openstack-request-id": call.request_id, **answer.headers, **extra}
    if answer.body is None:
        return web.Response(status=int(answer.status), headers=headers)
    body = json.dumps(answer.body, separators=(",", ":")).encode()
    return web.Response(body=body, status=int(answer.status), headers=headers, content_type="application/json")


async def _before(order: Order, request: web.Request) -> None:
    """Do what the order wants before (or instead of) carrying the call out; raises what ends the request."""
    if order.seconds:
        await asyncio.sleep(order.seconds)
    if order.kind == "reset":
        _reset(request)
        raise web.HTTPServiceUnavailable
    if order.kind == "hang":
        await asyncio.sleep(_SILENCE_SECONDS)
        raise web.HTTPGatewayTimeout
    if order.kind == "status" and not order.after:
        raise _FaultAnswer(order.status)


async def _after(order: Order, request: web.Request) -> Answer:
    """Do to the answer of a call that was carried out what the order wants."""
    if order.kind == "silent":
        await asyncio.sleep(_SILENCE_SECONDS)
    if order.kind == "lost":
        _reset(request)
    return Answer({"computeFault": {"code": order.status, "message": "ordered fault"}}, order.status)


class _FaultAnswer(web.HTTPException):
    """An ordered 5xx."""

    def __init__(self, status: int) -> None:
        """Answer with *status*."""
        self.status_code = status
        fault = {"computeFault": {"code": status, "message": "ordered fault"}}
        super().__init__(text=json.dumps(fault), content_type="application/json")


def _reset(request: web.Request) -> None:
    """Break the connection with a RST instead of a FIN, as a host that forgot it would."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()

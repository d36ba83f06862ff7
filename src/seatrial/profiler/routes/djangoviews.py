"""Methods of Django's views, and the routes of Django REST framework's routers."""

from __future__ import annotations

import ast
from typing import Any

from seatrial.profiler.objects import Call, Class, Const, External, Function, Thing, text
from seatrial.profiler.reach import dotted
from seatrial.profiler.routes.found import METHODS, Found, methods_given, methods_of

_ROUTERS = frozenset({
    "rest_framework.routers.DefaultRouter", "rest_framework.routers.SimpleRouter",
    "rest_framework_nested.routers.DefaultRouter", "rest_framework_nested.routers.SimpleRouter",
    "rest_framework_extensions.routers.ExtendedDefaultRouter",
})  # fmt: skip
# What the classes and mixins of other packages answer, by the last part of their name.
_ANSWERS: dict[str, tuple[str, ...]] = {
    "TemplateView": ("GET",), "ListView": ("GET",), "DetailView": ("GET",),
    "RedirectView": ("GET",), "FormView": ("GET", "POST"), "CreateView": ("GET", "POST"),
    "UpdateView": ("GET", "POST"), "DeleteView": ("GET", "POST"), "LoginView": ("GET", "POST"),
    "LogoutView": ("POST",), "ArchiveIndexView": ("GET",), "DateDetailView": ("GET",),
    "ListAPIView": ("GET",), "RetrieveAPIView": ("GET",), "CreateAPIView": ("POST",),
    "UpdateAPIView": ("PUT", "PATCH"), "DestroyAPIView": ("DELETE",),
    "ListCreateAPIView": ("GET", "POST"), "RetrieveUpdateAPIView": ("GET", "PUT", "PATCH"),
    "RetrieveDestroyAPIView": ("GET", "DELETE"),
    "RetrieveUpdateDestroyAPIView": ("GET", "PUT", "DELETE", "PATCH"),
    "PasswordResetView": ("GET", "POST"), "PasswordChangeView": ("GET", "POST"),
    "ConfirmView": ("GET", "POST"), "GraphQLView": ("GET", "POST"),
    "TokenObtainPairView": ("POST",), "TokenRefreshView": ("POST",),
    "SpectacularAPIView": ("GET",), "SpectacularSwaggerView": ("GET",),
}  # fmt: skip
_ACTIONS = {
    "list": "GET", "create": "POST", "retrieve": "GET", "update": "PUT",
    "partial_update": "PATCH", "destroy": "DELETE",
}  # fmt: skip
_MIXINS: dict[str, tuple[str, ...]] = {
    "ModelViewSet": tuple(_ACTIONS), "ReadOnlyModelViewSet": ("list", "retrieve"),
    "ListModelMixin": ("list",), "CreateModelMixin": ("create",),
    "RetrieveModelMixin": ("retrieve",), "UpdateModelMixin": ("update", "partial_update"),
    "DestroyModelMixin": ("destroy",),
}  # fmt: skip
_ONLY = {"require_GET": ("GET",), "require_POST": ("POST",), "require_safe": ("GET", "HEAD")}


def methods(view: Any) -> tuple[str, ...]:
    """The methods a view answers: by its decorators, its functions, or what it looks at."""
    if isinstance(view, Function):
        return _function(view)
    if isinstance(view, Class):
        found = set(methods_of(view))
        for base in view.externals():
            found.update(_answers(base))
        return _ordered(found) or ("GET",)
    if isinstance(view, Thing):
        wrapped = next((a for a in view.made.args if isinstance(a, Function | Class | Thing)), None)
        return _answers(view.made_by.removesuffix(".as_view")) or (
            methods(wrapped) if wrapped is not None else ("GET",)
        )
    if isinstance(view, Call) and view.args:  # decorator(arguments)(view)
        return methods(view.args[0])
    return ("GET",)


def _answers(name: str) -> tuple[str, ...]:
    """By the class's own name, or by how it ends: a `ContactFormView` is a form too."""
    last = name.rpartition(".")[2]
    ending = (key for key in ("FormView", "ConfirmView") if last.endswith(key))
    return _ANSWERS.get(last) or _ANSWERS.get(next(ending, ""), ())


def _function(view: Function) -> tuple[str, ...]:
    for decorator in view.decorators:
        name = _name(decorator)
        if name in _ONLY:
            return _ONLY[name]
        if name in ("require_http_methods", "api_view") and isinstance(decorator, Thing):
            return methods_given(decorator.made.argument(0, "http_method_names")) or ("GET",)
    seen = {"GET"}
    for node in ast.walk(view.node):
        if isinstance(node, ast.Compare) and dotted(node.left).endswith(".method"):
            seen.update(
                one.value for one in ast.walk(node)
                if isinstance(one, ast.Constant) and one.value in METHODS
            )  # fmt: skip
        elif isinstance(node, ast.Attribute) and dotted(node) == "request.POST":
            seen.add("POST")
    return _ordered(seen)


def router(owner: Thing, prefix: str, found: Found) -> bool:
    """Add the routes of a REST framework router; whether it is one."""
    if not owner.is_a(_ROUTERS):
        return False
    slash = owner.made.kwargs.get("trailing_slash")
    end = "" if slash == Const(False) else "/"
    if "Default" in owner.made_by:
        found.add(prefix, ("GET",), "api-root", owner.made.place)
    for call in owner.calls:
        if call.method == "register":
            _viewset(call, prefix, end, found)
    return True


def _viewset(call: Call, prefix: str, end: str, found: Found) -> None:
    name = text(call.argument(0, "prefix"))
    view = call.argument(1, "viewset")
    if name is None or not isinstance(view, Class):
        found.unread("register", "a viewset or its prefix cannot be told", call.place)
        return
    own = {one for part in view.lineage() for one in part.scope.names} & _ACTIONS.keys()
    for base in view.externals():
        own.update(_MIXINS.get(base.rpartition(".")[2], ()))
    allowed = set(methods_given(view.find("http_method_names"))) or set(METHODS)
    label = text(call.kwargs.get("basename")) or name.strip("/").rpartition("/")[2]
    under = prefix + name.strip("/")
    key = text(view.find("lookup_url_kwarg")) or text(view.find("lookup_field")) or "pk"
    groups = ((f"{under}{end}", ("list", "create"), "list"),
              (f"{under}/<{key}>{end}",
               ("retrieve", "update", "partial_update", "destroy"), "detail"))  # fmt: skip
    for path, actions, kind in groups:
        verbs = _ordered({_ACTIONS[one] for one in actions if one in own} & allowed)
        if verbs:
            found.add(path, verbs, f"{label}-{kind}", call.place)
    for part in view.lineage():
        for value in part.scope.names.values():
            if isinstance(value, Function):
                _extra(value, under, f"<{key}>", end, label, found)


def _extra(view: Function, under: str, key: str, end: str, label: str, found: Found) -> None:
    """A method with @action."""
    for decorator in view.decorators:
        if not isinstance(decorator, Thing) or _name(decorator) != "action":
            continue
        made = decorator.made
        middle = f"/{key}" if made.argument(1, "detail") == Const(True) else ""
        path = text(made.kwargs.get("url_path")) or view.name
        verbs = methods_given(made.argument(0, "methods")) or ("GET",)
        name = f"{label}-{view.name.replace('_', '-')}"
        found.add(f"{under}{middle}/{path}{end}", verbs, name, view.place)


def _name(decorator: Any) -> str:
    if isinstance(decorator, Thing):
        return decorator.made_by.rpartition(".")[2]
    return decorator.name.rpartition(".")[2] if isinstance(decorator, External) else ""


def _ordered(names: set[str]) -> tuple[str, ...]:
    return tuple(method for method in METHODS if method in names)

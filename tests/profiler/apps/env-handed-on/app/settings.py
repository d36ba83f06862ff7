from collections.abc import Mapping


def whole(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isdigit() and int(text) <= most):
        raise ValueError(f"{name} must be a whole number up to {most}")
    return int(text)


def demanded(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise ValueError(f"{name} is missing")
    return value


def read(environ: Mapping[str, str]) -> dict:
    most = whole(environ, "MAX_ITEMS", 50, 1000)
    https = environ.get("HTTPS_ONLY", "").strip() == "1"
    redis_url = environ.get("REDIS_URL", "").strip() or None
    return {"most": most, "https": https, "redis_url": redis_url,
            "token": demanded(environ, "SHOP_TOKEN")}


def shown(product: Mapping[str, str]) -> str:
    return product.get("COLOUR", "") or product.get("colour", "grey")

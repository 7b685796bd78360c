"""Variables with which production starts, and what is wrong with others."""

import base64
import hashlib

from app.core.environment import InsecureConfiguration, load_settings

KEY = hashlib.sha256(b"a key").hexdigest()
DATA_KEY = hashlib.sha256(b"a data key").hexdigest()
OTHER_KEY = base64.urlsafe_b64encode(hashlib.sha256(b"another key").digest()).decode()
PASSWORD = base64.urlsafe_b64encode(hashlib.sha256(b"a password").digest()).decode().rstrip("=")
HOST = "db.hueybooks.com"
GOOD = {
    "DATABASE_URL": f"postgresql://wriveted_app:{PASSWORD}@{HOST}/wriveted?sslmode=verify-full",
    "WRIVETED_PUBLIC_URL": "https://api.hueybooks.com",
    "WRIVETED_TOKEN_KEYS": f"{KEY},{OTHER_KEY}",
    "WRIVETED_DATA_KEYS": DATA_KEY,
    "WRIVETED_TOKEN_ISSUER": "https://api.hueybooks.com",
    "WRIVETED_TOKEN_AUDIENCE": "https://api.hueybooks.com/v1",
    "WRIVETED_CORS_ORIGINS": "https://app.hueybooks.com,https://hueybooks.com:8443",
    "WRIVETED_TRUSTED_PROXIES": "10.1.0.0/16,192.0.2.7,2001:db8::/32",
    "WRIVETED_INTERNAL_AUDIENCE": "https://internal-abc-ts.a.run.app",
    "WRIVETED_INTERNAL_SERVICE_ACCOUNT": "tasks@huey-books.iam.gserviceaccount.com",
    "WRIVETED_INTERNAL_URL": "https://internal-abc-ts.a.run.app",
    "WRIVETED_CLOUD_TASKS_LOCATION": "projects/huey-books-prod/locations/australia-southeast1",
    "WRIVETED_FIREBASE_PROJECT_ID": "huey-books-prod",
    "PATH": "/usr/bin",
}
MISSING = ""


def database(
    user: str = "wriveted_app", password: str = PASSWORD, host: str = HOST, name: str = "wriveted", query: str = ""
) -> str:
    return f"postgresql://{user}:{password}@{host}/{name}?{query or 'sslmode=verify-full'}"


def problems(environ: dict[str, str]) -> tuple[str, ...]:
    try:
        load_settings(environ)
    except InsecureConfiguration as refusal:
        return refusal.problems
    return ()

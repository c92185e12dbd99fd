import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
application = get_wsgi_application()

from common.postgres.waiting import limit_waiting  # noqa: E402

limit_waiting()

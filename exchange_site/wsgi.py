import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
application = get_wsgi_application()

from common.waiting import limit_waiting  # noqa: E402  Django must be set up first

limit_waiting()

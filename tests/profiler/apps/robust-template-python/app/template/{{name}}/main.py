from {{ name }}.core import app

{% if api %}
app.start()
{% endif %}

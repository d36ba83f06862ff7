from nicegui import ui

ui.label("hello")

ui.run()

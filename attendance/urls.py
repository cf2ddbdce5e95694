from django.urls import path

from attendance import api

app_name = "attendance"

urlpatterns = [
    path("api/v1/auth/token/", api.SignIn.as_view(), name="api-sign-in"),
    path("api/v1/sections/", api.SectionList.as_view(), name="api-sections"),
    path("api/v1/me/records/", api.OwnRecords.as_view(), name="api-own-records"),
]

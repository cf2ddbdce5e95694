from django.urls import path

from attendance.api import labels, terms, views

app_name = "attendance"

urlpatterns = [
    path("api/v1/auth/token/", views.SignIn.as_view(), name="api-sign-in"),
    path("api/v1/sections/", views.SectionList.as_view(), name="api-sections"),
    path("api/v1/terms/", terms.TermList.as_view(), name="api-terms"),
    path("api/v1/terms/<int:term_id>/", terms.TermDetail.as_view(), name="api-term"),
    path("api/v1/labels/", labels.LabelList.as_view(), name="api-labels"),
    path("api/v1/reasons/", labels.ReasonList.as_view(), name="api-reasons"),
    path("api/v1/me/records/", views.OwnRecords.as_view(), name="api-own-records"),
]

"""Attendance rules as versions of the institution, of courses and of sections."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('attendance', '0026_substitutes_and_assistants'),
    ]

    operations = [
        migrations.CreateModel(
            name='AttendanceRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('valid_from', models.DateField(blank=True, help_text='The first day. Leave empty for the beginning.', null=True, verbose_name='from')),
                ('minimum_percentage', models.PositiveSmallIntegerField(blank=True, help_text='Students see how many more classes they can miss. 0 for no minimum.', null=True, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='minimum attendance (%)')),
                ('warn_below', models.PositiveSmallIntegerField(blank=True, help_text='Students below this percentage are warned. 0 for no warning.', null=True, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='warn below (%)')),
                ('late_counts', models.PositiveSmallIntegerField(blank=True, help_text='How much a class counts when the student was late. 100 is as much as present, 0 is an absence.', null=True, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='late counts (%)')),
                ('lates_per_absence', models.PositiveSmallIntegerField(blank=True, help_text='With 3, every third late mark is an absence. 0 for never.', null=True, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='late marks that make an absence')),
                ('excused', models.CharField(blank=True, choices=[('neutral', 'not at all'), ('attended', 'as attended')], max_length=20, verbose_name='excused counts')),
                ('drop_lowest', models.PositiveSmallIntegerField(blank=True, help_text="How many of each student's missed or late classes are left out.", null=True, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='classes left out')),
                ('forecast_counts_planned', models.BooleanField(blank=True, help_text='Whether the forecast takes the classes in the timetable as all that remain.', null=True, verbose_name='forecast counts planned classes')),
                ('course', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='attendance_rules', to='attendance.course', verbose_name='course')),
                ('section', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='attendance_rules', to='attendance.section', verbose_name='section')),
                ('set_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='set by')),
                ('set_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='set at')),
            ],
            options={
                'verbose_name': 'attendance rule',
                'verbose_name_plural': 'attendance rules',
                "ordering": [
                    models.OrderBy(models.F("course"), nulls_first=True),
                    models.OrderBy(models.F("section"), nulls_first=True),
                    models.OrderBy(models.F("valid_from"), nulls_first=True),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name='attendancerule',
            constraint=models.CheckConstraint(condition=models.Q(('course', None), ('section', None), _connector='OR'), name='attendance_rule_one_scope', violation_error_message='Choose a course or a section, not both.'),
        ),
        migrations.AddConstraint(
            model_name='attendancerule',
            constraint=models.UniqueConstraint(fields=('course', 'section', 'valid_from'), name='attendance_rule_once_a_day', nulls_distinct=False, violation_error_message='There is already a rule from this day.'),
        ),
        migrations.AddConstraint(
            model_name='attendancerule',
            constraint=models.CheckConstraint(condition=models.Q(('minimum_percentage__lte', 100), ('warn_below__lte', 100), ('late_counts__lte', 100), ('excused__in', ['', 'neutral', 'attended'])), name='attendance_rule_values'),
        ),
    ]

"""The institution's own labels of statuses and reasons for excuses, and what labels count by a rule.

PostgreSQL adds the columns, which are empty, without rewriting or reading the tables. A foreign key over label and status
refuses a label of another meaning. The rules for records are checked in the next migration, while others write.
"""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

LABEL_HAS_STATUS = models.CheckConstraint(
    condition=models.Q(label=None) | models.Q(status__isnull=False), name="record_label_has_status"
)
REASON_OF_EXCUSE = models.CheckConstraint(
    condition=models.Q(excused_reason=None) | models.Q(status="excused", status__isnull=False),
    name="record_reason_of_excuse",
)


class Migration(migrations.Migration):

    dependencies = [
        ('attendance', '0031_section_minimum_is_a_rule'),
    ]

    operations = [
        migrations.CreateModel(
            name='ExcuseReason',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(help_text='What files and programs call it, such as “medical”.', max_length=30, unique=True, verbose_name='code')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('is_active', models.BooleanField(default=True, verbose_name='can be chosen')),
            ],
            options={
                'verbose_name': 'reason for excuses',
                'verbose_name_plural': 'reasons for excuses',
                'ordering': ['name'],
                'constraints': [models.CheckConstraint(condition=models.Q(('code__regex', '[A-Za-z0-9]'), models.Q(('name', ''), _negated=True)), name='excuse_reason_not_empty', violation_error_message='A code needs at least one letter or digit.')],
            },
        ),
        migrations.AddField(
            model_name='attendancerecord',
            name='excused_reason',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='attendance.excusereason', verbose_name='reason for the excuse'),
        ),
        migrations.AddField(
            model_name='recordchange',
            name='from_reason',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='attendance.excusereason', verbose_name='old reason for the excuse'),
        ),
        migrations.AddField(
            model_name='recordchange',
            name='to_reason',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='attendance.excusereason', verbose_name='new reason for the excuse'),
        ),
        migrations.CreateModel(
            name='StatusLabel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40, verbose_name='name')),
                ('letter', models.CharField(help_text='One or two letters or digits, as the register shows it. P, L, E and A stand for the four statuses.', max_length=2, validators=[django.core.validators.RegexValidator('^[^\\W_]{1,2}\\Z', 'Use one or two letters or digits.')], verbose_name='letter')),
                ('colour', models.CharField(choices=[('green', 'green'), ('teal', 'teal'), ('blue', 'blue'), ('purple', 'purple'), ('pink', 'pink'), ('red', 'red'), ('orange', 'orange'), ('yellow', 'yellow'), ('grey', 'grey')], max_length=10, verbose_name='colour')),
                ('meaning', models.CharField(choices=[('present', 'present'), ('late', 'late'), ('excused', 'excused'), ('absent', 'absent')], help_text='The status that it is a kind of. It cannot be changed once the label has been used.', max_length=10, verbose_name='means')),
                ('is_active', models.BooleanField(default=True, verbose_name='can be chosen')),
            ],
            options={
                'verbose_name': 'status label',
                'verbose_name_plural': 'status labels',
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('name'), name='status_label_name', violation_error_message='There is already a label with this name.'), models.UniqueConstraint(django.db.models.functions.text.Lower('letter'), name='status_label_letter', violation_error_message='There is already a label with this letter.'), models.CheckConstraint(condition=models.Q(models.Q(('name', ''), _negated=True), models.Q(('letter', ''), _negated=True)), name='status_label_not_empty'), models.CheckConstraint(condition=models.Q(('letter__in', ['P', 'L', 'E', 'A', 'p', 'l', 'e', 'a']), _negated=True), name='status_label_letter_is_free', violation_error_message='P, L, E and A stand for the four statuses. Choose another letter.'), models.CheckConstraint(condition=models.Q(('meaning__in', ['present', 'late', 'excused', 'absent'])), name='status_label_meaning'), models.CheckConstraint(condition=models.Q(('colour__in', ['green', 'teal', 'blue', 'purple', 'pink', 'red', 'orange', 'yellow', 'grey'])), name='status_label_colour'), models.UniqueConstraint(fields=('id', 'meaning'), name='status_label_and_meaning')],
            },
        ),
        migrations.CreateModel(
            name='LabelWeight',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('counts', models.PositiveSmallIntegerField(help_text='100 is as much as present, 0 is an absence.', validators=[django.core.validators.MaxValueValidator(100)], verbose_name='counts (%)')),
                ('rule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='label_weights', to='attendance.attendancerule', verbose_name='attendance rule')),
                ('label', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='attendance.statuslabel', verbose_name='label')),
            ],
            options={
                'verbose_name': 'weight of a label',
                'verbose_name_plural': 'weights of labels',
            },
        ),
        migrations.AddField(
            model_name='attendancerecord',
            name='label',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='attendance.statuslabel', verbose_name='label'),
        ),
        migrations.AddField(
            model_name='recordchange',
            name='from_label',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='attendance.statuslabel', verbose_name='old label'),
        ),
        migrations.AddField(
            model_name='recordchange',
            name='to_label',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='attendance.statuslabel', verbose_name='new label'),
        ),
        AddConstraintNotValid("attendancerecord", LABEL_HAS_STATUS),
        AddConstraintNotValid("attendancerecord", REASON_OF_EXCUSE),
        migrations.RunSQL(
            "ALTER TABLE attendance_attendancerecord ADD CONSTRAINT record_label_means_status"
            " FOREIGN KEY (label_id, status) REFERENCES attendance_statuslabel (id, meaning) NOT VALID",
            "ALTER TABLE attendance_attendancerecord DROP CONSTRAINT record_label_means_status",
        ),
        migrations.AddConstraint(
            model_name='labelweight',
            constraint=models.UniqueConstraint(fields=('rule', 'label'), name='label_weight_once_per_rule'),
        ),
        migrations.AddConstraint(
            model_name='labelweight',
            constraint=models.CheckConstraint(condition=models.Q(('counts__lte', 100)), name='label_weight_counts'),
        ),
    ]

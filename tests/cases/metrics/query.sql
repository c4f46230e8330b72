select convert_to('{"unit":'
  || coalesce((select case
      when t1.level = 'CITY' then '{"name":'
      || (to_json(t1.name)::text)
      || ',"metrics":'
      || (select '{"rectificationRate":{"numerator":'
        || counted.n0::text
        || ',"denominator":'
        || counted.n1::text
        || ',"rate":'
        || coalesce((counted.n0::float8 / nullif(counted.n1, 0))::text, 'null')
        || ',"percent":'
        || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
        || '},"underWay":{"numerator":'
        || counted.n2::text
        || ',"filter":{"unit":'
        || to_json(t1.code)::text
        || ','
        || $8::text
        || ',"numeratorFilter":{"unit":'
        || to_json(t1.code)::text
        || ','
        || $9::text
        || '}}'
        from (select count(*) filter (where t2.state = any($6::text[])) as n0, count(*) filter (where true) as n1, count(*) filter (where t2.state = any($7::text[])) as n2
          from issue t2
          where t2.city_id = t1.id
          and t2.county_id = $3::bigint
          and t2.handed_over_at >= $4::timestamptz
          and t2.handed_over_at < $5::timestamptz
          and (t2.handed_over_at is not null)
          and (t2.state = 'DISMISSED') is not true) counted)
      || ',"children":{"nodes":['
      || (select coalesce(string_agg(case
            when t3.level = 'CITY' then '{"name":'
            || (to_json(t3.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t4.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t4
                where t4.city_id = t3.id
                and t4.county_id = $3::bigint
                and (t4.handed_over_at is not null)
                and (t4.state = 'DISMISSED') is not true) counted)
            || '}'
            when t3.level = 'COUNTY' then '{"name":'
            || (to_json(t3.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t5.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t5
                where t5.county_id = t3.id
                and t5.county_id = $3::bigint
                and (t5.handed_over_at is not null)
                and (t5.state = 'DISMISSED') is not true) counted)
            || '}'
            when t3.level = 'TOWNSHIP' then '{"name":'
            || (to_json(t3.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t6.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t6
                where t6.township_id = t3.id
                and t6.county_id = $3::bigint
                and (t6.handed_over_at is not null)
                and (t6.state = 'DISMISSED') is not true) counted)
            || '}'
            when t3.level = 'VILLAGE' then '{"name":'
            || (to_json(t3.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t7.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t7
                where t7.village_id = t3.id
                and t7.county_id = $3::bigint
                and (t7.handed_over_at is not null)
                and (t7.state = 'DISMISSED') is not true) counted)
            || '}' end, ','
            order by t3.code), '')
        from (select t3.*
          from unit t3
          where t3.parent_id = t1.id
          and t3.county_id = $2::bigint
          order by t3.code
          limit 50) t3
        having true)
      || ']}}'
      when t1.level = 'COUNTY' then '{"name":'
      || (to_json(t1.name)::text)
      || ',"metrics":'
      || (select '{"rectificationRate":{"numerator":'
        || counted.n0::text
        || ',"denominator":'
        || counted.n1::text
        || ',"rate":'
        || coalesce((counted.n0::float8 / nullif(counted.n1, 0))::text, 'null')
        || ',"percent":'
        || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
        || '},"underWay":{"numerator":'
        || counted.n2::text
        || ',"filter":{"unit":'
        || to_json(t1.code)::text
        || ','
        || $12::text
        || ',"numeratorFilter":{"unit":'
        || to_json(t1.code)::text
        || ','
        || $13::text
        || '}}'
        from (select count(*) filter (where t8.state = any($6::text[])) as n0, count(*) filter (where true) as n1, count(*) filter (where t8.state = any($7::text[])) as n2
          from issue t8
          where t8.county_id = t1.id
          and t8.county_id = $3::bigint
          and t8.handed_over_at >= $10::timestamptz
          and t8.handed_over_at < $11::timestamptz
          and (t8.handed_over_at is not null)
          and (t8.state = 'DISMISSED') is not true) counted)
      || ',"children":{"nodes":['
      || (select coalesce(string_agg(case
            when t9.level = 'CITY' then '{"name":'
            || (to_json(t9.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t10.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t10
                where t10.city_id = t9.id
                and t10.county_id = $3::bigint
                and (t10.handed_over_at is not null)
                and (t10.state = 'DISMISSED') is not true) counted)
            || '}'
            when t9.level = 'COUNTY' then '{"name":'
            || (to_json(t9.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t11.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t11
                where t11.county_id = t9.id
                and t11.county_id = $3::bigint
                and (t11.handed_over_at is not null)
                and (t11.state = 'DISMISSED') is not true) counted)
            || '}'
            when t9.level = 'TOWNSHIP' then '{"name":'
            || (to_json(t9.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t12.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t12
                where t12.township_id = t9.id
                and t12.county_id = $3::bigint
                and (t12.handed_over_at is not null)
                and (t12.state = 'DISMISSED') is not true) counted)
            || '}'
            when t9.level = 'VILLAGE' then '{"name":'
            || (to_json(t9.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t13.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t13
                where t13.village_id = t9.id
                and t13.county_id = $3::bigint
                and (t13.handed_over_at is not null)
                and (t13.state = 'DISMISSED') is not true) counted)
            || '}' end, ','
            order by t9.code), '')
        from (select t9.*
          from unit t9
          where t9.parent_id = t1.id
          and t9.county_id = $2::bigint
          order by t9.code
          limit 50) t9
        having true)
      || ']}}'
      when t1.level = 'TOWNSHIP' then '{"name":'
      || (to_json(t1.name)::text)
      || ',"metrics":'
      || (select '{"rectificationRate":{"numerator":'
        || counted.n0::text
        || ',"denominator":'
        || counted.n1::text
        || ',"rate":'
        || coalesce((counted.n0::float8 / nullif(counted.n1, 0))::text, 'null')
        || ',"percent":'
        || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
        || '},"underWay":{"numerator":'
        || counted.n2::text
        || ',"filter":{"unit":'
        || to_json(t1.code)::text
        || ','
        || $16::text
        || ',"numeratorFilter":{"unit":'
        || to_json(t1.code)::text
        || ','
        || $17::text
        || '}}'
        from (select count(*) filter (where t14.state = any($6::text[])) as n0, count(*) filter (where true) as n1, count(*) filter (where t14.state = any($7::text[])) as n2
          from issue t14
          where t14.township_id = t1.id
          and t14.county_id = $3::bigint
          and t14.handed_over_at >= $14::timestamptz
          and t14.handed_over_at < $15::timestamptz
          and (t14.handed_over_at is not null)
          and (t14.state = 'DISMISSED') is not true) counted)
      || ',"children":{"nodes":['
      || (select coalesce(string_agg(case
            when t15.level = 'CITY' then '{"name":'
            || (to_json(t15.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t16.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t16
                where t16.city_id = t15.id
                and t16.county_id = $3::bigint
                and (t16.handed_over_at is not null)
                and (t16.state = 'DISMISSED') is not true) counted)
            || '}'
            when t15.level = 'COUNTY' then '{"name":'
            || (to_json(t15.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t17.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t17
                where t17.county_id = t15.id
                and t17.county_id = $3::bigint
                and (t17.handed_over_at is not null)
                and (t17.state = 'DISMISSED') is not true) counted)
            || '}'
            when t15.level = 'TOWNSHIP' then '{"name":'
            || (to_json(t15.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t18.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t18
                where t18.township_id = t15.id
                and t18.county_id = $3::bigint
                and (t18.handed_over_at is not null)
                and (t18.state = 'DISMISSED') is not true) counted)
            || '}'
            when t15.level = 'VILLAGE' then '{"name":'
            || (to_json(t15.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t19.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t19
                where t19.village_id = t15.id
                and t19.county_id = $3::bigint
                and (t19.handed_over_at is not null)
                and (t19.state = 'DISMISSED') is not true) counted)
            || '}' end, ','
            order by t15.code), '')
        from (select t15.*
          from unit t15
          where t15.parent_id = t1.id
          and t15.county_id = $2::bigint
          order by t15.code
          limit 50) t15
        having true)
      || ']}}'
      when t1.level = 'VILLAGE' then '{"name":'
      || (to_json(t1.name)::text)
      || ',"metrics":'
      || (select '{"rectificationRate":{"numerator":'
        || counted.n0::text
        || ',"denominator":'
        || counted.n1::text
        || ',"rate":'
        || coalesce((counted.n0::float8 / nullif(counted.n1, 0))::text, 'null')
        || ',"percent":'
        || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
        || '},"underWay":{"numerator":'
        || counted.n2::text
        || ',"filter":{"unit":'
        || to_json(t1.code)::text
        || ','
        || $20::text
        || ',"numeratorFilter":{"unit":'
        || to_json(t1.code)::text
        || ','
        || $21::text
        || '}}'
        from (select count(*) filter (where t20.state = any($6::text[])) as n0, count(*) filter (where true) as n1, count(*) filter (where t20.state = any($7::text[])) as n2
          from issue t20
          where t20.village_id = t1.id
          and t20.county_id = $3::bigint
          and t20.handed_over_at >= $18::timestamptz
          and t20.handed_over_at < $19::timestamptz
          and (t20.handed_over_at is not null)
          and (t20.state = 'DISMISSED') is not true) counted)
      || ',"children":{"nodes":['
      || (select coalesce(string_agg(case
            when t21.level = 'CITY' then '{"name":'
            || (to_json(t21.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t22.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t22
                where t22.city_id = t21.id
                and t22.county_id = $3::bigint
                and (t22.handed_over_at is not null)
                and (t22.state = 'DISMISSED') is not true) counted)
            || '}'
            when t21.level = 'COUNTY' then '{"name":'
            || (to_json(t21.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t23.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t23
                where t23.county_id = t21.id
                and t23.county_id = $3::bigint
                and (t23.handed_over_at is not null)
                and (t23.state = 'DISMISSED') is not true) counted)
            || '}'
            when t21.level = 'TOWNSHIP' then '{"name":'
            || (to_json(t21.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t24.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t24
                where t24.township_id = t21.id
                and t24.county_id = $3::bigint
                and (t24.handed_over_at is not null)
                and (t24.state = 'DISMISSED') is not true) counted)
            || '}'
            when t21.level = 'VILLAGE' then '{"name":'
            || (to_json(t21.name)::text)
            || ',"metrics":'
            || (select '{"rectificationRate":{"percent":'
              || coalesce(round(100 * counted.n0::numeric / nullif(counted.n1, 0), 1)::text, 'null')
              || '}}'
              from (select count(*) filter (where t25.state = any($6::text[])) as n0, count(*) filter (where true) as n1
                from issue t25
                where t25.village_id = t21.id
                and t25.county_id = $3::bigint
                and (t25.handed_over_at is not null)
                and (t25.state = 'DISMISSED') is not true) counted)
            || '}' end, ','
            order by t21.code), '')
        from (select t21.*
          from unit t21
          where t21.parent_id = t1.id
          and t21.county_id = $2::bigint
          order by t21.code
          limit 50) t21
        having true)
      || ']}}' end
      from unit t1
      where t1.code = $1::text
      and t1.county_id = $2::bigint), 'null')
  || ',"beside":'
  || coalesce((select case
      when t26.level = 'CITY' then '{"metrics":'
      || (select '{"underWay":{"numerator":'
        || counted.n0::text
        || '}}'
        from (select count(*) filter (where true) as n0
          from issue t27
          where t27.city_id = t26.id
          and t27.county_id = $3::bigint
          and (t27.handed_over_at is not null)
          and (t27.state = 'DISMISSED') is not true
          and t27.state = any($7::text[])) counted)
      || '}'
      when t26.level = 'COUNTY' then '{"metrics":'
      || (select '{"underWay":{"numerator":'
        || counted.n0::text
        || '}}'
        from (select count(*) filter (where true) as n0
          from issue t28
          where t28.county_id = t26.id
          and t28.county_id = $3::bigint
          and (t28.handed_over_at is not null)
          and (t28.state = 'DISMISSED') is not true
          and t28.state = any($7::text[])) counted)
      || '}'
      when t26.level = 'TOWNSHIP' then '{"metrics":'
      || (select '{"underWay":{"numerator":'
        || counted.n0::text
        || '}}'
        from (select count(*) filter (where true) as n0
          from issue t29
          where t29.township_id = t26.id
          and t29.county_id = $3::bigint
          and (t29.handed_over_at is not null)
          and (t29.state = 'DISMISSED') is not true
          and t29.state = any($7::text[])) counted)
      || '}'
      when t26.level = 'VILLAGE' then '{"metrics":'
      || (select '{"underWay":{"numerator":'
        || counted.n0::text
        || '}}'
        from (select count(*) filter (where true) as n0
          from issue t30
          where t30.village_id = t26.id
          and t30.county_id = $3::bigint
          and (t30.handed_over_at is not null)
          and (t30.state = 'DISMISSED') is not true
          and t30.state = any($7::text[])) counted)
      || '}' end
      from unit t26
      where t26.code = $22::text
      and t26.county_id = $2::bigint), 'null')
  || '}', 'UTF8')
-- $1 = '411024'
-- $2 = 3
-- $3 = 3
-- $4 = datetime.datetime(2021, 9, 30, 16, 0, tzinfo=datetime.timezone.utc)
-- $5 = datetime.datetime(2021, 10, 31, 16, 0, tzinfo=datetime.timezone.utc)
-- $6 = ['RECTIFIED', 'CLOSED']
-- $7 = ['ASSIGNED', 'RECTIFYING', 'FEEDBACK']
-- $8 = '"handedOverAt":{"from":"2021-09-30T16:00:00+00:00","to":"2021-10-31T16:00:00+00:00"},"handedOver":true,"dismissed":false}'
-- $9 = '"handedOverAt":{"from":"2021-09-30T16:00:00+00:00","to":"2021-10-31T16:00:00+00:00"},"handedOver":true,"dismissed":false,"state":["ASSIGNED","RECTIFYING","FEEDBACK"]}'
-- $10 = datetime.datetime(2021, 9, 30, 16, 0, tzinfo=datetime.timezone.utc)
-- $11 = datetime.datetime(2021, 10, 31, 16, 0, tzinfo=datetime.timezone.utc)
-- $12 = '"handedOverAt":{"from":"2021-09-30T16:00:00+00:00","to":"2021-10-31T16:00:00+00:00"},"handedOver":true,"dismissed":false}'
-- $13 = '"handedOverAt":{"from":"2021-09-30T16:00:00+00:00","to":"2021-10-31T16:00:00+00:00"},"handedOver":true,"dismissed":false,"state":["ASSIGNED","RECTIFYING","FEEDBACK"]}'
-- $14 = datetime.datetime(2021, 9, 30, 16, 0, tzinfo=datetime.timezone.utc)
-- $15 = datetime.datetime(2021, 10, 31, 16, 0, tzinfo=datetime.timezone.utc)
-- $16 = '"handedOverAt":{"from":"2021-09-30T16:00:00+00:00","to":"2021-10-31T16:00:00+00:00"},"handedOver":true,"dismissed":false}'
-- $17 = '"handedOverAt":{"from":"2021-09-30T16:00:00+00:00","to":"2021-10-31T16:00:00+00:00"},"handedOver":true,"dismissed":false,"state":["ASSIGNED","RECTIFYING","FEEDBACK"]}'
-- $18 = datetime.datetime(2021, 9, 30, 16, 0, tzinfo=datetime.timezone.utc)
-- $19 = datetime.datetime(2021, 10, 31, 16, 0, tzinfo=datetime.timezone.utc)
-- $20 = '"handedOverAt":{"from":"2021-09-30T16:00:00+00:00","to":"2021-10-31T16:00:00+00:00"},"handedOver":true,"dismissed":false}'
-- $21 = '"handedOverAt":{"from":"2021-09-30T16:00:00+00:00","to":"2021-10-31T16:00:00+00:00"},"handedOver":true,"dismissed":false,"state":["ASSIGNED","RECTIFYING","FEEDBACK"]}'
-- $22 = '411082'
